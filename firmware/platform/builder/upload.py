"""How an image gets onto a board: by OpenOCD, by pyOCD, or by copying it to the probe's drive."""

import glob
import os
import shutil
import subprocess
import sys

# Takes the place of upload_protocol in platformio.ini, for one run.
OVERRIDE = "TINYGEN_UPLOAD_PROTOCOL"
# Where desktop systems mount the drive of a debug probe.
MOUNT_POINTS = ("/media/*/*", "/media/*", "/run/media/*/*", "/Volumes/*", "/mnt/*")


def upload_action(target, source, env):
    """SCons action: flash ``source`` (the ELF and the binary) and print the command first."""
    board = env.BoardConfig()
    elf, binary = (str(file) for file in source)
    protocol = os.environ.get(OVERRIDE) or env.subst("$UPLOAD_PROTOCOL")
    if protocol == "mass_storage":
        return copy_to_drive(binary, env, board)
    commands = {
        "openocd": lambda: openocd(elf, env, board),
        "pyocd": lambda: pyocd(elf, env, board),
        "custom": lambda: env.subst("$UPLOADCMD", target=target, source=source),
    }
    if protocol not in commands:
        known = ", ".join(board.get("upload.protocols", [])) or "none: use its emulator"
        return fail(f"{board.id} cannot be flashed by {protocol or 'anything'} (it knows {known})")
    return run(commands[protocol]())


def openocd(elf, env, board):
    """Program, verify, start; a probe can be chosen with --upload-port."""
    script = f"board/{board.get('upload.openocd_board')}.cfg"
    probe = env.subst("$UPLOAD_PORT")
    chosen = ["-c", f"adapter serial {probe}"] if probe else []
    # Braces keep OpenOCD from taking a path with blanks apart.
    return ["openocd", "-f", script, *chosen, "-c", f"program {{{elf}}} verify reset exit"]


def pyocd(elf, env, board):
    """Program and start; a probe can be chosen with --upload-port."""
    probe = env.subst("$UPLOAD_PORT")
    chosen = ["--uid", probe] if probe else []
    return ["pyocd", "load", "--target", board.get("upload.pyocd_target"), *chosen, elf]


def run(command):
    """Run a flashing tool with its output on the terminal."""
    shell = isinstance(command, str)
    print(command if shell else " ".join(command), flush=True)
    if not shell and not shutil.which(command[0]):
        return fail(f"{command[0]} was not found on PATH; install it or choose another protocol")
    return subprocess.run(command, shell=shell, check=False).returncode


def copy_to_drive(binary, env, board):
    """Copy the binary to the probe's drive: --upload-port, or the one that names this board."""
    drive = env.subst("$UPLOAD_PORT") or find_drive(board.get("tinygen.mbed_ids", []))
    if not drive:
        return fail(f"no mounted drive of {board.id} was found; name it with --upload-port")
    goal = os.path.join(drive, "firmware.bin")
    print(f"cp {binary} {goal}", flush=True)
    with open(binary, "rb") as image, open(goal, "wb") as file:
        shutil.copyfileobj(image, file)
        file.flush()
        os.fsync(file.fileno())  # the probe flashes what has arrived
    return 0


def find_drive(mbed_ids):
    """The mounted drive whose MBED.HTM carries one of the board's codes."""
    for pattern in MOUNT_POINTS:
        for page in sorted(glob.glob(f"{pattern}/[Mm][Bb][Ee][Dd].[Hh][Tt][Mm]")):
            with open(page, errors="replace") as file:
                text = file.read()
            if any(f"code={code}" in text for code in mbed_ids):
                return os.path.dirname(page)
    return None


def fail(sentence):
    """Report an error the way SCons expects."""
    print(sentence, file=sys.stderr)
    return 1
