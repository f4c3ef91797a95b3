"""`python -m local_runner`: the same as `openeo-sar`."""

from local_runner.cli import main

if __name__ == "__main__":
    main()
