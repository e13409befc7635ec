import io
import os
import tarfile
import zipfile

import pytest

from tinygen import deps
from tinygen.errors import InputError, ToolchainError

FILES = {
    "Include/arm_nnfunctions.h": b"/* functions */\n",
    "Source/a.c": b"int a;\n",
    "LICENSE": b"terms\n",
}
EXTRA = {"README.md": b"read me\n", "Tests/t.c": b"int t;\n"}


@pytest.fixture(autouse=True)
def pinned_to_these_files(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGEN_CMSIS_NN", raising=False)
    monkeypatch.setattr(deps, "CMSIS_NN_SHA256", deps.digest_of(FILES))


def folder(root, files):
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def tar(path, files, prefix=""):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def zipped(path, files, prefix=""):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(prefix + name, content)
    return path


SOURCES = {
    "folder": lambda p: folder(p / "src", FILES | EXTRA),
    "folder in a folder": lambda p: folder(p / "src" / "CMSIS-NN", FILES | EXTRA).parent,
    "tar": lambda p: tar(p / "c.tar.gz", FILES | EXTRA),
    "tar with a top folder": lambda p: tar(p / "c.tar.gz", FILES | EXTRA, "CMSIS-NN-99f736a/"),
    "zip": lambda p: zipped(p / "c.zip", FILES),
    "zip with a top folder": lambda p: zipped(p / "c.zip", FILES | EXTRA, "CMSIS-NN/"),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_it_installs_from_every_kind_of_source(tmp_path, source):
    assert deps.cmsis_nn() is None
    installed = deps.install_cmsis_nn(source(tmp_path))
    assert installed == deps.cmsis_nn()
    assert installed.pinned
    assert installed.commit == deps.CMSIS_NN_COMMIT
    assert (installed.root / "Source" / "a.c").read_bytes() == FILES["Source/a.c"]
    assert not (installed.root / "README.md").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"Source/a.c": b"int a ;\n"},
        {"Source/b.c": b"int b;\n"},
        {"LICENSE": b"other terms\n"},
    ],
)
def test_other_files_are_refused_unless_accepted_and_then_marked(tmp_path, change):
    source = folder(tmp_path / "src", FILES | change)
    with pytest.raises(InputError, match=r"is not CMSIS-NN at commit .* --unpinned"):
        deps.install_cmsis_nn(source)
    assert deps.cmsis_nn() is None
    installed = deps.install_cmsis_nn(source, unpinned=True)
    assert not installed.pinned
    assert installed.commit.startswith("sha256:")
    assert deps.cmsis_nn() == installed


def test_installing_the_pinned_version_replaces_another(tmp_path):
    deps.install_cmsis_nn(folder(tmp_path / "a", FILES | {"LICENSE": b"x"}), unpinned=True)
    deps.install_cmsis_nn(folder(tmp_path / "b", FILES))
    assert deps.cmsis_nn().pinned


def test_a_folder_in_the_environment_wins(tmp_path, monkeypatch):
    deps.install_cmsis_nn(folder(tmp_path / "a", FILES))
    other = folder(tmp_path / "b", FILES | {"Source/a.c": b"int other;\n"})
    monkeypatch.setenv("TINYGEN_CMSIS_NN", str(other))
    found = deps.cmsis_nn()
    assert found.root == other
    assert not found.pinned


def test_a_wrong_folder_in_the_environment_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGEN_CMSIS_NN", str(tmp_path / "absent"))
    with pytest.raises(InputError, match="TINYGEN_CMSIS_NN"):
        deps.cmsis_nn()


def test_a_cache_that_was_changed_is_noticed(tmp_path):
    installed = deps.install_cmsis_nn(folder(tmp_path / "a", FILES))
    (installed.root / "Source" / "a.c").write_bytes(b"int evil;\n")
    deps._described.cache_clear()
    with pytest.raises(ToolchainError, match="was changed since it was installed"):
        deps.cmsis_nn()


def test_something_else_is_not_cmsis_nn(tmp_path):
    with pytest.raises(InputError, match=r"does not hold Include/arm_nnfunctions\.h"):
        deps.install_cmsis_nn(folder(tmp_path / "src", EXTRA), unpinned=True)


@pytest.mark.parametrize("name", ["../outside.c", "/tmp/outside.c", "a/../../outside.c"])
@pytest.mark.parametrize("pack", [tar, zipped])
def test_an_archive_that_reaches_outside_is_refused(tmp_path, name, pack):
    archive = pack(tmp_path / "c.archive", FILES | {name: b"x"})
    with pytest.raises(InputError, match="path outside itself"):
        deps.install_cmsis_nn(archive, unpinned=True)
    assert not list(tmp_path.rglob("outside.c"))


def test_links_in_an_archive_are_left_out(tmp_path):
    with tarfile.open(tmp_path / "c.tar", "w") as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("Source/link.c")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    installed = deps.install_cmsis_nn(tmp_path / "c.tar")
    assert not (installed.root / "Source" / "link.c").exists()


def test_links_in_a_folder_are_left_out(tmp_path):
    source = folder(tmp_path / "src", FILES)
    os.symlink("/etc/passwd", source / "Source" / "link.c")
    assert deps.install_cmsis_nn(source).pinned


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04cut", b"\x1f\x8b\x08cut", b"plain text"])
def test_a_damaged_archive_is_one_sentence(tmp_path, content):
    (tmp_path / "c.tar.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"is not a readable .*archive") as caught:
        deps.install_cmsis_nn(tmp_path / "c.tar.gz")
    assert "\n" not in str(caught.value)


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        deps.install_cmsis_nn(tmp_path / "absent")


def test_without_a_network_the_way_out_is_named(monkeypatch):
    monkeypatch.setattr(deps, "CMSIS_NN_URL", "http://127.0.0.1:9/CMSIS-NN.tar.gz")
    with pytest.raises(ToolchainError, match=r"cannot download .* --from PATH"):
        deps.install_cmsis_nn()
