"""The dependency table of docs/architecture.md, and what holds a tree of sources against it."""
import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tower(ground, floors):
    """What each room may use: the ground, and every floor below its own.  Rooms of one floor do not know each other."""
    below, may_use = set(ground), {}
    for floor in floors:
        rooms = {floor} if isinstance(floor, str) else floor
        may_use.update({room: set(below) for room in rooms})
        below |= rooms
    return may_use


# Which layers a layer may include and link, itself always included.
MAY_USE = {
    "capnp": set(),
    "core": {"capnp"},
    "planner": {"core", "capnp"},
    **tower(["capnp", "core"], ["base", {"planner-pool", "executor", "access"}, "versions", "session", "files", "reading",
                                "objects", "transport", "main"]),
    "client": {"core", "capnp"},
    "tools": {"client"},
    "bindings": {"client"},
    "hdf5-writer": {"core", "capnp"},
}
USES_HDF5 = {"planner", "hdf5-writer"}

# Both ends of the zygote's protocol are described in one header, which includes nothing of ours.
SHARED_HEADERS = {"server/planner-pool/zygote-protocol.h"}

# Targets of the build, by layer; a target that is not here may link anything (tests, benchmarks).
TARGET_LAYER = {
    "h5cap_capnp": "capnp",
    "h5cap_core": "core",
    "h5cap_codec": "core",
    "h5cap_base": "base",
    "h5cap_planner_pool": "planner-pool",
    "h5cap_executor": "executor",
    "h5cap_access": "access",
    "h5cap_versions": "versions",
    "h5cap_session": "session",
    "h5cap_files": "files",
    "h5cap_reading": "reading",
    "h5cap_objects": "objects",
    "h5cap_transport": "transport",
    "h5cap_front": "main",
    "h5capd": "main",
    "h5cap-planner": "planner",
    "h5cap_client": "client",
    "h5cap-cli": "tools",
    "demo-slice": "tools",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.M)
PUBLIC_FOLDERS = ("client/include", "core/include")


def layer_of(path):
    """The layer of a source file, by its path below the root; None for what the table does not speak of."""
    parts = path.split("/")
    if parts[0] in ("core", "client"):
        return parts[0]
    if parts[0] == "server":
        return parts[1] if len(parts) > 2 else "main"
    if parts[0] == "python-bindings":
        return "bindings"
    if parts[0] == "tools" and len(parts) > 2:
        return "hdf5-writer" if parts[1] == "hdf5-writer" else "tools"
    return None


def is_public(path):
    return path.startswith(tuple(folder + "/h5cap/" for folder in PUBLIC_FOLDERS))


def resolve(includer, name, files):
    """The file below the root that an include names; None when it is none of ours."""
    candidates = [os.path.normpath(os.path.join(os.path.dirname(includer), name)), name]
    candidates += [f"{folder}/{name}" for folder in PUBLIC_FOLDERS]
    return next((path for path in candidates if path in files), None)


def include_problems(files):
    """Includes that the table forbids, in `files`, a dictionary from path to text."""
    problems = []
    for path, text in sorted(files.items()):
        layer = layer_of(path)
        if layer is None:
            continue
        for _, name in INCLUDE.findall(text):
            problem = include_problem(path, layer, name, files)
            if problem:
                problems.append(f"{path}: {problem}")
    return problems


def include_problem(path, layer, name, files):
    if re.match(r"(hdf5|H5[A-Z]*[a-z]*)\.h$|hdf5_hl\.h$", name):
        return None if layer in USES_HDF5 else f"{name}: HDF5's headers belong to the planner alone"
    if re.match(r"h5cap/[a-z]+\.capnp\.h$", name):
        return None if layer == "capnp" or "capnp" in MAY_USE[layer] else f"{name}: the contract is core's and the client's"
    if re.match(r"(capnp|kj)/", name):
        if layer in ("tools", "bindings") or is_public(path):
            return f"{name}: Cap'n Proto does not show outside"
        return None
    target = resolve(path, name, files)
    if target is None or target in SHARED_HEADERS:
        return None
    wanted = layer_of(target)
    if layer in ("tools", "bindings"):
        inside = os.path.dirname(path) == os.path.dirname(target) or wanted == layer == "bindings"
        return None if inside or is_public(target) else f"{name}: only the client's public headers are for this layer"
    if is_public(path) and not is_public(target):
        return f"{name}: a public header cannot use a private one"
    if wanted is not None and wanted != layer and wanted not in MAY_USE[layer]:
        return f"{name}: {layer} may not use {wanted}"
    return None


def link_problems(edges):
    """Links that the table forbids, among (target, linked target) pairs."""
    problems = []
    for source, target in sorted(edges):
        layer, wanted = TARGET_LAYER.get(source), TARGET_LAYER.get(target)
        if layer and wanted and layer != wanted and wanted not in MAY_USE[layer]:
            problems.append(f"{source} links {target}: {layer} may not use {wanted}")
        if layer and layer not in USES_HDF5 and re.search("hdf5", target, re.I):
            problems.append(f"{source} links {target}: libhdf5 belongs to the planner alone")
    return problems


def sources():
    """Our C++ files, from path to text."""
    found = {}
    for folder in ("core", "client", "server", "tools", "python-bindings"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".h", ".cc") and "build" not in path.relative_to(ROOT).parts:
                found[path.relative_to(ROOT).as_posix()] = path.read_text()
    return found
