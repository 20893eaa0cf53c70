"""``python -m reconciler``."""

from reconciler.cli import console

if __name__ == "__main__":
    console()
