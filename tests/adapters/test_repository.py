"""Pinning, reading and diffing real git repositories."""

import base64
import http.server
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.adapters.repository import Repositories
from flows.addresses import scrub
from stages.errors import Permanent, Transient, Unusable
from stages.models import Draft, File, Finding
from tests.adapters.git_repositories import commit, git, make

TREE: dict[str, str | bytes] = {
    "README.md": "# Pkg\n",
    "src/pkg/__init__.py": "from pkg.book import Book\n",
    "src/pkg/book.py": "from .money import Money\nimport json\n\n\nclass Book:\n    pass\n",
    "src/pkg/money.py": "class Money:\n    pass\n\n\ndef cents():\n    return 1\n",
    "src/pkg/report.py": "from pkg import (\n    book,\n)\n",
    "src/pkg/other.py": "class Other:\n    pass\n\n\nasync def later():\n    pass\n",
    "tests/test_book.py": "from pkg.book import Book\n",
    "logo.png": b"\x89PNG\0\0",
}


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    """Mirrors in a home of their own."""
    return Repositories(tmp_path / "home" / "mirrors", tmp_path / "home", timeout=30)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with a small package in it."""
    return make(tmp_path / "origin", TREE)


def draft(*files: tuple[str, str], deleted: tuple[str, ...] = ()) -> Draft:
    """A draft of these paths and texts."""
    return Draft(files=tuple(File(path=path, content=text) for path, text in files), deleted=deleted)


# --- pinning ---------------------------------------------------------------------------------------


def test_the_default_branch_is_pinned_at_its_full_sha(repositories: Repositories, origin: Path) -> None:
    assert repositories.pin(str(origin)) == git(origin, "rev-parse", "HEAD")


def test_a_moved_branch_is_fetched_again_and_the_old_pin_stays_readable(
    repositories: Repositories, origin: Path
) -> None:
    first = repositories.pin(str(origin))
    git(origin, "checkout", "--quiet", "--orphan", "squashed")
    git(origin, "branch", "--quiet", "-D", "main")
    second = commit(origin, {"README.md": "# Two\n"})
    git(origin, "branch", "--quiet", "-m", "main")
    git(origin, "reflog", "expire", "--expire=now", "--all")
    git(origin, "gc", "--quiet", "--prune=now")
    assert repositories.pin(str(origin)) == second != first
    assert repositories.pin(str(origin), first) == first
    assert repositories.texts(str(origin), first, ["README.md"]) == {"README.md": "# Pkg\n"}


@pytest.mark.parametrize("revision", ["main", "v1", "{sha}", "{short}"])
def test_a_revision_is_a_branch_a_tag_or_a_sha(repositories: Repositories, origin: Path, revision: str) -> None:
    old = git(origin, "rev-parse", "HEAD")
    git(origin, "tag", "--annotate", "--message=One", "v1")
    new = commit(origin, {"README.md": "# Two\n"})
    asked = revision.format(sha=old, short=old[:9])
    assert repositories.pin(str(origin), asked) == (new if revision == "main" else old)


@pytest.mark.parametrize("revision", ["0" * 40, "abcdef123", "no-such-branch"])
def test_a_revision_that_is_gone_is_said(repositories: Repositories, origin: Path, revision: str) -> None:
    with pytest.raises(Permanent, match=f"has no revision {revision}: its history was rewritten"):
        repositories.pin(str(origin), revision)


@pytest.mark.parametrize("revision", ["--upload-pack=touch x", "a..b", "main:refs/heads/x", "@{1}", "a b"])
def test_a_revision_cannot_be_an_option_or_a_refspec(repositories: Repositories, origin: Path, revision: str) -> None:
    with pytest.raises(Permanent, match="no name of a revision"):
        repositories.pin(str(origin), revision)


def test_a_repository_without_commits_is_said(repositories: Repositories, tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="no commit on its default branch yet"):
        repositories.pin(str(make(tmp_path / "empty")))


def test_a_folder_that_is_no_repository_is_said(repositories: Repositories, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(Permanent, match=r"no git repository at .*/plain"):
        repositories.pin(str(tmp_path / "plain"))


def test_a_missing_path_is_said(repositories: Repositories, tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"no repository at .*/home/nowhere"):
        repositories.pin("nowhere")


@pytest.mark.parametrize(
    "name",
    ["ext::sh -c true", "-oProxyCommand=x", "ftp://host/x", "ssh://-oProxy=x/y", "fd::3", "../origin", "a\nb", " "],
)
def test_names_that_could_do_harm_are_refused(repositories: Repositories, origin: Path, name: str) -> None:
    with pytest.raises(Permanent):
        repositories.pin(name)


def test_a_relative_path_lies_below_the_home(repositories: Repositories, tmp_path: Path) -> None:
    inside = make(tmp_path / "home" / "rehearsal" / "pkg.git", TREE)
    assert repositories.pin("rehearsal/pkg.git") == git(inside, "rev-parse", "HEAD")


def test_a_repository_of_another_owner_is_read(repositories: Repositories, origin: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    sha = git(origin, "rev-parse", "HEAD")
    for path in (origin, *origin.rglob("*")):
        os.chown(path, 12345, 12345)
    assert repositories.pin(str(origin)) == sha


def test_git_variables_of_a_surrounding_hook_are_ignored(
    repositories: Repositories, origin: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    sha = repositories.pin(str(origin))
    assert repositories.diff(str(origin), sha, draft(("README.md", "# New\n")))


def test_a_killed_fetch_does_not_block_the_next(repositories: Repositories, origin: Path, tmp_path: Path) -> None:
    repositories.pin(str(origin))
    (mirror,) = (tmp_path / "home" / "mirrors").glob("*.git")
    (mirror / "shallow.lock").touch()
    (mirror / "refs" / "worker" / "wanted.lock").touch()
    new = commit(origin, {"README.md": "# Two\n"})
    assert repositories.pin(str(origin)) == new


def test_a_deleted_mirror_is_fetched_again_when_read(repositories: Repositories, origin: Path, tmp_path: Path) -> None:
    sha = repositories.pin(str(origin))
    fresh = Repositories(tmp_path / "home" / "mirrors2", tmp_path / "home", timeout=30)
    assert fresh.texts(str(origin), sha, ["README.md"]) == {"README.md": "# Pkg\n"}


# --- over HTTP -------------------------------------------------------------------------------------


class Server(http.server.SimpleHTTPRequestHandler):
    """A folder, or one status for everything, or silence."""

    status = 0
    authorization = ""
    silent = threading.Event()

    def do_GET(self) -> None:
        """Answer."""
        if self.status == -1:
            self.silent.wait(20)
        if self.authorization not in ("", self.headers.get("Authorization")):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.end_headers()
        elif self.status > 0:
            self.send_error(self.status)
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, type[Server]]]:
    """The address of a server over tmp_path, and its handler, whose `status` a test may set."""

    class Handler(Server):
        silent = threading.Event()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Handler(*a, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_port}", Handler
    Handler.silent.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_of_plain_files_will_do(
    repositories: Repositories, origin: Path, served: tuple[str, type[Server]], tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(origin), str(tmp_path / "bare.git"))
    git(tmp_path / "bare.git", "update-server-info")
    assert repositories.pin(f"http://{served[0]}/bare.git") == git(origin, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (401, Permanent, "lets nobody in without credentials"),
        (403, Permanent, "lets nobody in without credentials"),
        (404, Permanent, "no git repository at"),
        (503, Transient, "could not be fetched"),
    ],
)
def test_a_refusal_is_sorted_and_shows_no_password(
    repositories: Repositories, served: tuple[str, type[Server]], status: int, error: type[Exception], said: str
) -> None:
    served[1].status = status
    with pytest.raises(error, match=said) as caught:
        repositories.pin(f"http://ada:pa55word@{served[0]}/x.git")
    assert "pa55word" not in str(caught.value)
    assert "ada" not in str(caught.value)


def test_a_silent_server_is_left_after_the_timeout(served: tuple[str, type[Server]], tmp_path: Path) -> None:
    served[1].status = -1
    impatient = Repositories(tmp_path / "mirrors", tmp_path, timeout=0.3)
    with pytest.raises(Transient, match=r"was not done after 0\.3 s"):
        impatient.pin(f"http://{served[0]}/x.git")


def test_a_closed_port_may_pass(repositories: Repositories, served: tuple[str, type[Server]]) -> None:
    with pytest.raises(Transient, match="could not be fetched"):
        repositories.pin("http://127.0.0.1:1/x.git")


def test_credentials_are_used_for_the_scrubbed_name_and_kept_nowhere(
    origin: Path, served: tuple[str, type[Server]], tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(origin), str(tmp_path / "bare.git"))
    git(tmp_path / "bare.git", "update-server-info")
    served[1].authorization = "Basic " + base64.b64encode(b"ada:pa55word").decode()
    known = f"http://ada:pa55word@{served[0]}/bare.git"
    repositories = Repositories(tmp_path / "mirrors", tmp_path, known=known)
    assert repositories.pin(scrub(known)) == git(origin, "rev-parse", "HEAD")
    for path in (p for p in (tmp_path / "mirrors").rglob("*") if p.is_file()):
        assert b"pa55word" not in path.read_bytes()


# --- reading ---------------------------------------------------------------------------------------


def test_the_view_has_the_finding_s_file_its_neighbours_and_its_tests(repositories: Repositories, origin: Path) -> None:
    sha = repositories.pin(str(origin))
    view = repositories.view(str(origin), sha, Finding(title="x", file="src/pkg/book.py"), 4_000)
    assert list(view.files) == [
        "src/pkg/book.py", "src/pkg/money.py", "src/pkg/__init__.py", "src/pkg/report.py", "tests/test_book.py",
    ]  # fmt: skip
    assert view.files["src/pkg/money.py"] == TREE["src/pkg/money.py"]
    assert "src/pkg/other.py: Other, later" in view.outline.splitlines()
    assert view.paths == tuple(sorted(TREE))
    assert view.left_out == ""


def test_links_and_submodules_are_listed_as_links(repositories: Repositories, origin: Path) -> None:
    (origin / "link").symlink_to("README.md")
    git(origin, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    sha = commit(origin, {"x.txt": "x"})
    view = repositories.view(str(origin), sha, Finding(title="x"), 1_000)
    assert "link" in view.links
    assert "link" in view.paths
    assert "link" not in view.files


def test_texts_keep_their_line_ends_and_leave_out_what_is_missing(repositories: Repositories, origin: Path) -> None:
    sha = commit(origin, {"dos.txt": "a\r\nb\r\n"})
    assert repositories.texts(str(origin), sha, ["dos.txt", "nowhere"]) == {"dos.txt": "a\r\nb\r\n"}


def test_a_binary_file_is_not_for_editing(repositories: Repositories, origin: Path) -> None:
    with pytest.raises(Unusable, match=r"logo\.png: not UTF-8 text"):
        repositories.texts(str(origin), repositories.pin(str(origin)), ["logo.png"])


def test_a_checkout_has_the_files_and_no_link_out_of_it(
    repositories: Repositories, origin: Path, tmp_path: Path
) -> None:
    (origin / "inner").symlink_to("README.md")
    (origin / "outer").symlink_to("/etc/passwd")
    (origin / "upper").symlink_to("../..")
    sha = commit(origin, {"run.sh": "#!/bin/sh\n"})
    repositories.checkout(str(origin), sha, tmp_path / "there")
    there = {str(p.relative_to(tmp_path / "there")) for p in (tmp_path / "there").rglob("*") if not p.is_dir()}
    assert there == {*TREE, "run.sh", "inner"}


# --- the patch -------------------------------------------------------------------------------------

HARD = {
    "plain.py": "one\ntwo\nthree\n",
    "no newline.txt": "one\ntwo",
    "dos.txt": "one\r\ntwo\r\n",
    "Übung/日本.txt": "eins\n",
    'quo"ted\ttab.txt': "one\n",
    "gone.txt": "one\n",
    ".gitattributes": "*.bin diff=nothing\n*.dat -diff\n",
    "really text.dat": "one\n",
}


def test_a_plain_git_apply_in_a_fresh_clone_takes_the_patch(repositories: Repositories, tmp_path: Path) -> None:
    origin = make(tmp_path / "hard", HARD)
    (origin / "run.sh").write_text("#!/bin/sh\necho one\n")
    (origin / "run.sh").chmod(0o755)
    sha = commit(origin, {"empty.txt": ""})
    new = {
        "plain.py": "one\n2\nthree\nfour",
        "no newline.txt": "one\ntwo\nthree\n",
        "dos.txt": "one\r\nzwei\r\n",
        "Übung/日本.txt": "zwei \u2028 € \n",
        'quo"ted\ttab.txt': "two\n",
        "run.sh": "#!/bin/sh\necho two\n",
        "new/deep/file.py": "new\n",
        "new/empty.py": "",
        "empty.txt": "no longer\n",
        "really text.dat": "two\n",
    }
    patch = repositories.diff(str(origin), sha, draft(*new.items(), deleted=("gone.txt",)))
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    git(clone, "apply", "--index", "-", stdin=patch.encode())
    for path, text in new.items():
        assert (clone / path).read_bytes() == text.encode(), path
    assert not (clone / "gone.txt").exists()
    assert git(clone, "ls-files", "--stage", "run.sh").startswith("100755")
    assert len(re.findall(r"^diff --git ", patch, re.MULTILINE)) == len(new) + 1


def test_a_file_may_become_a_folder(repositories: Repositories, origin: Path, tmp_path: Path) -> None:
    sha = repositories.pin(str(origin))
    change = draft(("README.md/index.md", "# Index\n"), deleted=("README.md",))
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    git(clone, "apply", "-", stdin=repositories.diff(str(origin), sha, change).encode())
    assert (clone / "README.md" / "index.md").read_text() == "# Index\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (draft(("README.md", "# Pkg\n")), "changes nothing"),
        (draft(), "changes nothing"),
        (draft(("README.md/x", "y")), "where the tree has README.md"),
        (draft(("src", "y")), "where the tree has a folder"),
        (draft((".git/config", "y")), "cannot stand in this tree"),
        (draft(("../x", "y")), "cannot stand in this tree"),
        (draft(("/etc/x", "y")), "cannot stand in this tree"),
        (draft(("a.txt", "\0")), "NUL"),
        (draft(("logo.png", "text")), "not UTF-8"),
        (draft(("link", "text")), "symbolic link"),
        (draft(deleted=("link",)), "symbolic link"),
        (draft(deleted=("nowhere.py",)), "does not exist"),
        (draft(("README.md", "x"), deleted=("README.md",)), "both written and deleted"),
    ],
)
def test_a_draft_that_is_no_patch_is_unusable(
    repositories: Repositories, origin: Path, change: Draft, said: str
) -> None:
    (origin / "link").symlink_to("README.md")
    sha = commit(origin, {"logo.png": b"\xff\xfe"})
    with pytest.raises(Unusable, match=said):
        repositories.diff(str(origin), sha, change)


def test_a_diff_leaves_the_mirror_as_it_was(repositories: Repositories, origin: Path, tmp_path: Path) -> None:
    sha = repositories.pin(str(origin))
    (mirror,) = (tmp_path / "home" / "mirrors").glob("*.git")
    before = sorted(mirror.rglob("*"))
    repositories.diff(str(origin), sha, draft(("README.md", "# New\n")))
    assert sorted(mirror.rglob("*")) == before
