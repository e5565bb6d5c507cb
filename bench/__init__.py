"""How fast Parlor is, beside a relay that saves nothing: `./dev bench`, or `python -m bench`. See docs/performance.md."""
