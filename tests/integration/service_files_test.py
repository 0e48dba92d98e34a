"""The service files of deploy/systemd are what systemd accepts, confine the
programs, and start them with options that they have."""

import pathlib
import re
import subprocess
import tempfile

import harness

UNITS = harness.ROOT / "deploy" / "systemd"
# systemd's own measure, 0 (confined) to 100.
EXPOSURE_MAX = 20


def run(*command):
    done = subprocess.run([str(part) for part in command], text=True,
                          capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout + done.stderr


def check_options(unit, command):
    """Every option and subcommand of the line is one of the program's."""
    words = command.split()
    program = harness.BIN / pathlib.Path(words[0]).name
    subcommand = [word for word in words[1:2] if not word.startswith("-")]
    known = run(program, *subcommand, "--help")
    for option in [word for word in words if word.startswith("--")]:
        assert re.search(rf"{option}\b", known), (unit.name, option)


def main():
    units = sorted(UNITS.glob("*.service"))
    assert len(units) == 4, units
    with tempfile.TemporaryDirectory() as folder:
        for unit in units:
            text = unit.read_text()
            command = re.search(r"^ExecStart=(.*)$", text, re.M).group(1)
            check_options(unit, command)
            here = pathlib.Path(folder) / unit.name
            here.write_text(text.replace("/usr/local/bin", str(harness.BIN)))
            said = run("systemd-analyze", "verify", "--man=no", here)
            assert not said.strip(), said
            run("systemd-analyze", "security", "--no-pager", "--offline=true",
                f"--threshold={EXPOSURE_MAX}", here)
            print(f"ok: {unit.name}")
    print("ok")


if __name__ == "__main__":
    main()
