from datetime import date

from tally import Entry, storage

ENTRY = Entry(date(2026, 1, 5), 1, "Ada", 3000, "food", ("Ada", "Ben"), "Brötchen")


def test_what_is_saved_is_loaded(tmp_path):
    storage.save(tmp_path / "book", [ENTRY])
    assert list(storage.load(tmp_path / "book")) == [ENTRY]


def test_no_file_yet_is_an_empty_book(tmp_path):
    assert len(storage.load(tmp_path / "book")) == 0


def test_an_entry_is_appended(tmp_path):
    storage.save(tmp_path / "book", [ENTRY])
    storage.append(tmp_path / "book", ENTRY)
    assert len(storage.load(tmp_path / "book")) == 2


def test_saving_leaves_nothing_else_behind(tmp_path):
    storage.save(tmp_path / "book", [ENTRY])
    assert [path.name for path in tmp_path.iterdir()] == ["book"]
