"""`python -m onboarding` is the same as the command `onboarding`."""

from onboarding.cli.main import main

if __name__ == "__main__":
    main()
