"""Writes <folder>/h5cap-<version>.dist-info for a build that pip did not install: version and entry points, by which
other libraries find h5cap.

    write-metadata.py FOLDER
"""
import pathlib
import sys

try:
    import tomllib
except ImportError:  # Python before 3.11: such a build has no entry points
    sys.exit()

project = tomllib.loads((pathlib.Path(__file__).parent / "pyproject.toml").read_text())["project"]
folder = pathlib.Path(sys.argv[1]) / f"{project['name']}-{project['version']}.dist-info"
folder.mkdir(parents=True, exist_ok=True)
(folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
lines = []
for group, entries in project.get("entry-points", {}).items():
    lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items()), ""]
(folder / "entry_points.txt").write_text("\n".join(lines))
