"""Finding modules: built-in, installed, in a folder."""

from pathlib import Path

import pytest

from parlor.core.errors import Misconfigured, NotFound
from parlor.module import Module, closure, discover
from tests.support.garden import install_garden, write_room


def names_of(rows):
    return [row.module.name for row in rows]


def test_the_ground_comes_first_and_every_module_after_what_it_requires():
    rows = discover()
    assert names_of(rows)[0] == "core"
    for at, row in enumerate(rows):
        assert set(row.module.requires) <= set(names_of(rows)[:at])
        assert row.origin == "built-in"


def test_an_installed_package_brings_a_module_by_its_entry_point(tmp_path, monkeypatch):
    install_garden(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    row = discover()[-1]
    assert (row.module.name, row.origin, row.is_on) == ("garden", "installed: parlor-garden", True)


def test_a_folder_brings_modules_as_files_and_as_packages(tmp_path: Path):
    write_room(tmp_path, "shed_one")
    (tmp_path / "shed_two").mkdir()
    (tmp_path / "shed_two" / "__init__.py").write_text("")
    (tmp_path / "shed_two" / "module.py").write_text('from parlor.module import Module\nmodule = Module("shed_two", requires=("shed_one",))\n')
    (tmp_path / "_private.py").write_text("raise RuntimeError")
    assert names_of(discover(tmp_path))[-2:] == ["shed_one", "shed_two"]
    assert discover(tmp_path)[-1].origin == str(tmp_path)


def test_a_module_that_is_switched_off_is_listed_and_off(tmp_path):
    write_room(tmp_path, "shed_off")
    assert discover(tmp_path, disabled=["shed_off"])[-1].is_on is False


@pytest.mark.parametrize(
    ("files", "disabled", "said"),
    [
        ({}, ["nonsense"], "there is no such module"),
        ({}, ["database"], "which everything stands on"),
        ({"broken_a.py": "raise RuntimeError('boom')"}, [], "cannot be loaded (RuntimeError: boom)"),
        ({"broken_b.py": "module = 3"}, [], "has no value `module`"),
        ({"broken_c.py": "from parlor.module import Module\nmodule = Module('config')"}, [], "Two modules are called 'config'"),
        ({"broken_d.py": "from parlor.module import Module\nmodule = Module('d', requires=('nobody',))"}, [], "needs 'nobody', which is off or missing"),
        ({"json.py": "x = 1"}, [], "has the name of another Python package"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_cure(tmp_path, files, disabled, said):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(Misconfigured) as caught:
        discover(tmp_path, disabled)
    assert said in caught.value.detail


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Misconfigured, match="there is no such folder"):
        discover(tmp_path / "none")


def test_a_broken_module_can_be_switched_off_by_its_name(tmp_path):
    (tmp_path / "broken_e.py").write_text("import nothing_of_that_name")
    row = discover(tmp_path, disabled=["broken_e"])[-1]
    assert (row.module.name, row.is_on) == ("broken_e", False)


def test_an_installed_module_that_is_broken_is_refused_until_it_is_switched_off(tmp_path, monkeypatch):
    install_garden(tmp_path, name="weeds", module="this is no python")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Misconfigured, match="The installed module 'weeds'"):
        discover()
    assert discover(disabled=["weeds"])[-1].is_on is False


def test_an_entry_point_that_is_no_module_is_refused(tmp_path, monkeypatch):
    install_garden(tmp_path, name="stones", module="module = 3")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Misconfigured, match=r"is not a parlor\.module\.Module"):
        discover()


def test_a_closure_is_the_ground_the_named_ones_and_all_they_require():
    ground, low, middle, high = Module("ground", is_ground=True), Module("low"), Module("middle", requires=("low",)), Module("high", requires=("middle",))
    house = [ground, low, middle, high]
    assert closure(house, ["middle"]) == [ground, low, middle]
    assert closure(house, []) == [ground]
    with pytest.raises(NotFound):
        closure(house, ["cellar"])


def test_settings_may_be_named_instead_of_imported():
    from parlor.core.settings import ModuleSettings

    assert Module("x", settings="parlor.core.settings:ModuleSettings").settings_type is ModuleSettings
    assert Module("x", settings=ModuleSettings).settings_type is ModuleSettings
    assert Module("x").settings_type is None
