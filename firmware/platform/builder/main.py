"""Build and upload tinygen firmware with the arm-none-eabi toolchain on PATH.

PlatformIO runs this as an SCons script. Flags for the core and the language come from
platformio.ini, so that nothing about a board is said twice.
"""

import os
import shutil
import sys

from SCons.Script import (
    COMMAND_LINE_TARGETS,
    AlwaysBuild,
    Builder,
    Default,
    DefaultEnvironment,
)

env = DefaultEnvironment()
board = env.BoardConfig()
project = env.subst("$PROJECT_DIR")
sys.path.insert(0, os.path.join(env.PioPlatform().get_dir(), "builder"))

from upload import upload_action  # noqa: E402 - found by the line above

PREFIX = os.environ.get("TINYGEN_GCC_PREFIX", "arm-none-eabi-")
if not shutil.which(PREFIX + "gcc"):
    sys.exit(
        f"{PREFIX}gcc was not found on PATH; install the Arm toolchain "
        "(Debian: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi)"
    )

core_flags = board.get("build.core_flags").split()

env.Replace(
    AR=PREFIX + "gcc-ar",
    AS=PREFIX + "gcc",
    CC=PREFIX + "gcc",
    CXX=PREFIX + "g++",
    LINK=PREFIX + "gcc",
    OBJCOPY=PREFIX + "objcopy",
    RANLIB=PREFIX + "gcc-ranlib",
    SIZETOOL=PREFIX + "size",
    ARFLAGS=["rcsD"],  # D: no dates in archives
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
    LDSCRIPT_PATH=os.path.join("ld", "firmware.ld"),
    SIZECHECKCMD="$SIZETOOL -A -d $SOURCES",
    SIZEPRINTCMD="$SIZETOOL -B -d $SOURCES",
    SIZEPROGREGEXP=r"^(?:\.vectors|\.copie[ds]\w*|\.text|\.rodata|\.ARM\.exidx|\.data)\s+(\d+).*",
    SIZEDATAREGEXP=r"^(?:\.stack|\.handler_stack|\.noinit|\.data|\.bss|\.arena|\.copied_\w+)\s+(\d+).*",
)
env.Append(
    ASFLAGS=core_flags,
    CCFLAGS=[
        *core_flags,
        "-g",
        "-fstack-usage",
        # The same image wherever the project lies.
        f"-ffile-prefix-map={project}=.",
    ],
    LINKFLAGS=[
        *core_flags,
        "-nostartfiles",
        "-Wl,--gc-sections",
        # Relative, since the linker would take a path with blanks apart.
        "-Wl,-Map=" + os.path.relpath(env.subst("$BUILD_DIR/firmware.map"), project),
    ],
    LIBS=["c", "gcc"],
    BUILDERS={
        "ImageToBinary": Builder(
            action=env.VerboseAction("$OBJCOPY -O binary $SOURCES $TARGET", "Building $TARGET"),
            suffix=".bin",
        )
    },
)

if "nobuild" in COMMAND_LINE_TARGETS:  # upload what is there
    elf = os.path.join("$BUILD_DIR", "${PROGNAME}.elf")
    binary = os.path.join("$BUILD_DIR", "${PROGNAME}.bin")
else:
    elf = env.BuildProgram()
    binary = env.ImageToBinary(os.path.join("$BUILD_DIR", "${PROGNAME}"), elf)

AlwaysBuild(env.Alias("nobuild", binary))
flash = env.VerboseAction(upload_action, "Flashing $SOURCE")
env.AddPlatformTarget("upload", [elf, binary], flash, "Upload", "Flash the board")
Default([elf, binary])
