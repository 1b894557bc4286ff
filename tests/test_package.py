"""What `pip install .` installs: the whole package, and the samples beside it."""

from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]


def test_wheel_holds_every_file_of_the_package_and_the_samples():
    builder = WheelBuilder(str(ROOT))
    installed = {file.distribution_path for file in builder.recurse_included_files()}

    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "onboarding").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    samples = {"config.toml", "invitees.csv", "templates/invitation.mjml.j2"}
    assert package - installed == set()
    assert {f"onboarding/samples/{name}" for name in samples} - installed == set()
