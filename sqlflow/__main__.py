"""`python -m sqlflow` is `sqlflow`."""

from sqlflow.cli import main

if __name__ == "__main__":
    main.command()
