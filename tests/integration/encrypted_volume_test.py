"""The script of the encrypted volume, on a file, as far as a machine without a
device mapper lets it go."""

import pathlib
import subprocess
import tempfile

import harness

SCRIPT = harness.ROOT / "deploy" / "encrypted-volume"
MEGABYTES = 24


def run(*arguments):
    return subprocess.run([str(SCRIPT), *map(str, arguments)], text=True,
                          capture_output=True, check=False, timeout=300)


def fails(word, *arguments):
    done = run(*arguments)
    assert done.returncode != 0 and word in done.stderr, done


def main():
    with tempfile.TemporaryDirectory() as directory:
        home = pathlib.Path(directory)
        volume, key = home / "volume", home / "key"
        volume.write_bytes(bytes(MEGABYTES << 20))
        fails("format DEVICE KEYFILE")
        fails("no such device", "format", home / "none", key)
        fails("no encrypted volume", "open", volume, make_key(home), home / "d")
        done = run("format", volume, key)
        assert done.returncode == 0, done
        assert key.stat().st_mode & 0o777 == 0o400 and key.stat().st_size == 64
        assert volume.read_bytes()[:4] == b"LUKS"
        check = subprocess.run(["cryptsetup", "open", "--test-passphrase",
                                "--key-file", key, volume], check=False)
        assert check.returncode == 0
        fails("is not empty", "format", volume, key)
        key.chmod(0o644)
        fails("chmod 400", "open", volume, key, home / "data")
        key.chmod(0o400)
        done = run("open", volume, key, home / "data")
        if done.returncode == 0:
            subprocess.run([str(SCRIPT), "close", str(home / "data")],
                           check=True)
        else:
            assert "device mapper" in done.stderr, done
    print("ok")


def make_key(home):
    key = home / "other"
    key.write_bytes(bytes(64))
    key.chmod(0o400)
    return key


if __name__ == "__main__":
    main()
