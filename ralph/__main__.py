"""`python -m ralph`: the same as the command `ralph`."""

from ralph.cli import main

if __name__ == "__main__":
    main()
