"""`python -m parlor` is the same command."""

from parlor.cli import main

if __name__ == "__main__":
    main()
