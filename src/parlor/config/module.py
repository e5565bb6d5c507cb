from parlor.module import Module

module = Module(name="config", cli="parlor.config.cli:app", cli_help="Check the settings, and see where each value comes from.")
