"""Series are converted again from the originals that were kept."""

from __future__ import annotations

from appliance.catalog import find_study
from tests.exchange.kit import write_series


def test_a_series_is_made_anew_from_its_originals(kit, tmp_path):
    write_series(tmp_path / "in", n=3)
    kit.take_in(tmp_path / "in")
    image = kit.folder.projects / "default/S-0001/2024-05-02/t1_mprage_3/s001.nii"
    before, files = image.read_bytes(), kit.files()
    image.write_bytes(b"spoiled")
    with kit.catalog.read() as con:
        project = con.execute("SELECT id FROM projects WHERE name = 'default'").fetchone()[0]
        study = find_study(con, project, "S-0001#2024-05-02")
    assert kit.importer.convert_again(study, "t2*") == 0
    assert kit.importer.convert_again(study + 99) == 0
    assert kit.importer.convert_again(study, "T1*") == 1
    kit.run()
    assert image.read_bytes() == before
    assert list(kit.files()) == list(files)
