"""`python -m app.cli` is `canfuse`."""

from app.cli.program import main

if __name__ == "__main__":
    main()
