#!/usr/bin/env python3
"""Runs clang-format over the tracked C++ files: check_format.py [ROOT].

Exits with 77, which ctest counts as skipped, without clang-format.
"""
import pathlib
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import check_house  # noqa: E402: the line above must come first

SKIPPED = 77


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1
                        else pathlib.Path(__file__).resolve().parents[2])
    program = shutil.which("clang-format")
    if program is None:
        print("skipped: clang-format is not installed; "
              "deploy/packages.txt names it")
        return SKIPPED
    _, sources = check_house.read_sources(root)
    paths = [source.path for source in sources if source.is_cpp]
    if not paths:
        print(f"no C++ files in {root}, name the root of the tree")
        return 1
    run = subprocess.run([program, "--dry-run", "-Werror", *paths], cwd=root,
                         capture_output=True, text=True)
    if run.returncode == 0:
        return 0
    sys.stdout.write(run.stderr)
    wrong = sorted({line.split(":")[0] for line in run.stderr.splitlines()
                    if "[-Wclang-format-violations]" in line})
    version = subprocess.run([program, "--version"], capture_output=True,
                             text=True).stdout.strip()
    print(f"{len(wrong)} files are not formatted by {version}; run\n"
          f"  clang-format -i {' '.join(wrong)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
