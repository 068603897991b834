"""The house: the rooms of the tree, what each may use, and what holds sources and targets against that.

docs/architecture.md shows the same tables; test_dependencies.py compares them.  Each `…_problems` takes what it is to
look at, so that made-up trees can be shown to it.
"""
import ast
import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tower(ground, *floors):
    """What each room may use: the ground, and every floor below its own.

    A floor is one room, or a set of them: rooms of one floor do not know each other.  A tuple in such a set is a wing,
    rooms of which each may use those before it, and none of the other wings of the floor.
    """
    below, may_use = set(ground), {}
    for floor in floors:
        wings = [(wing,) if isinstance(wing, str) else wing for wing in (floor if isinstance(floor, set) else {floor})]
        for wing in wings:
            may_use.update({room: below | set(wing[:place]) for place, room in enumerate(wing)})
        below = below.union(*wings)
    return may_use


# Programs and modules that are to see no more of the client than everybody does.
OUTSIDE = {"python-bindings/src", "tools/h5cap", "tools/demo-slice"}

# Rooms are folders.
MAY_USE = {
    **tower([], "capnp/h5cap", "core", "core/codec", "core/plan"),
    "server/planner": {"capnp/h5cap", "core", "core/codec"},
    **tower(
        ["capnp/h5cap", "core", "core/codec", "core/plan"],
        "server/base",
        {"server/planner-pool", "server/executor", "server/access"},
        "server/versions",
        "server/session",
        "server/files",
        "server/reading",
        "server/objects",
        "server/transport",
        "server",
    ),
    **tower(
        ["capnp/h5cap", "core"],
        "client/values",
        "client/src/threads",
        {("client/src/rpc", "client/src/open"), "client/src/cache"},
        "client/src/reading",
        # A public header and its source are counted as one: who is below uses neither.
        {("client/include", "client/src")},
    ),
    "client/include": {"capnp/h5cap", "core", "client/values"},  # it is its sources that use the rest
    **{room: {"client/include"} for room in OUTSIDE},
}
# Folders of a room besides the one that has its name.
ALSO = {"core/include/h5cap": "core", "client/include/h5cap": "client/include",
        "client/values/h5cap": "client/values"}
# Those of tests and benchmarks, which use what they like, and which nobody uses: tests/cpp has the rooms' own names.
ABOVE = {f"tests/cpp/{room.split('/')[-1]}" for room in MAY_USE} | {
    "tests/cpp/client", "tests/fuzz", "tests/support", "tests/install/outside", "benchmarks/cpp"}

# The rooms of the Python package, from python-bindings/src/h5cap.
PYTHON_MAY_USE = tower([], "ground", "types", "low", "_hl", "show", "__init__", "compat")
PYTHON_GROUND = {"errors", "names", "version", "_h5cap"}
PYTHON_FOLDERS = {"types", "_hl", "show", "compat"}

# Every target of the build, by room.
TARGETS = {
    "h5cap_capnp": "capnp/h5cap",
    "h5cap_core": "core",
    "h5cap_codec": "core/codec",
    "h5cap_plan": "core/plan",
    "h5cap_base": "server/base",
    "h5cap_planner_pool": "server/planner-pool",
    "h5cap_executor": "server/executor",
    "h5cap_access": "server/access",
    "h5cap_versions": "server/versions",
    "h5cap_session": "server/session",
    "h5cap_files": "server/files",
    "h5cap_reading": "server/reading",
    "h5cap_objects": "server/objects",
    "h5cap_transport": "server/transport",
    "h5cap_front": "server",
    "h5capd": "server",
    "h5cap-planner": "server/planner",
    "h5cap_client": "client/include",  # all of the client is behind these headers
    "_h5cap": "python-bindings/src",
    "h5cap-cli": "tools/h5cap",
    "demo-slice": "tools/demo-slice",
}
WITHOUT_ROOM = {"h5cap_flags", "h5cap_hdf5"}  # compiler flags, and whichever libhdf5 was chosen
TARGETS_ABOVE = re.compile(r"[a-z-]+-tests|fuzz-[a-z-]*|fake-planner|stream-view|outside|h5cap-bench")
# Libraries of others: what CMake packages define, and files.
OTHERS = re.compile(r"\S+::\S+|[-/<]\S+|xtensor|xtl|dl|m")

USES_HDF5 = {"server/planner"}
# Both ends of the zygote's protocol are described in one header, which includes nothing of ours.
SHARED_HEADERS = {"server/planner-pool/zygote-protocol.h"}
# Where includes of ours are named from the root; programs and tests may name their own folder's files alone.
NAMED_FROM_THE_ROOT = ("core/", "client/", "server/")

# What guards has its mutex within: nobody else has one of the standard library's.
LOCK = re.compile(r"\bstd::(?:\w*mutex|lock_guard|unique_lock|scoped_lock|shared_lock)\b|\bkj::_::Mutex\b")
MAY_LOCK = ("client/src/threads/", "server/base/guarded-value.h")
# Not for values: whose turn it is to replace a connection, which is waited for with a limit.
LOCK_LINES = {
    "client/src/rpc/loop.h": ["using Turn = std::timed_mutex;"],
    "client/src/rpc/connection.cc": ["std::unique_lock turn(*replacing, std::defer_lock);"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.M)
IMPORT = re.compile(r'\bimport "([^"]+)"')
PUBLIC_FOLDERS = ("client/include", "client/values", "core/include")


def sources():
    """Our C++ files and schemas, from path to text."""
    found = {}
    for folder in ("core", "client", "server", "tools", "python-bindings", "tests", "benchmarks", "capnp"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".h", ".cc", ".capnp") and "build" not in path.relative_to(ROOT).parts:
                found[path.relative_to(ROOT).as_posix()] = path.read_text()
    return found


def room_of(path):
    """The room of a source file, by its path below the root; None for a folder that is none."""
    folder = os.path.dirname(path)
    room = ALSO.get(folder, folder)
    return room if room in MAY_USE or room in ABOVE else None


def room_problems(files):
    """Files that lie in no room, and headers where only sources are to be."""
    problems = [f"{path}: {os.path.dirname(path)} is no room" for path in sorted(files) if room_of(path) is None]
    return problems + [f"{path}: only what implements public headers is in client/src itself"
                       for path in sorted(files) if re.fullmatch(r"client/src/[^/]+\.h", path)]


def is_public(path):
    return path.startswith(tuple(folder + "/h5cap/" for folder in PUBLIC_FOLDERS))


def resolve(includer, name, files):
    """The file below the root that an include names; None when it is none of ours."""
    candidates = [name, *(f"{folder}/{name}" for folder in PUBLIC_FOLDERS)]
    candidates.append(os.path.normpath(os.path.join(os.path.dirname(includer), name)))
    return next((path for path in candidates if path in files), None)


def include_problems(files):
    """Includes that the table forbids, in `files`, a dictionary from path to text."""
    problems = []
    for path, text in sorted(files.items()):
        room = room_of(path)
        if room is None or path.endswith(".capnp"):
            continue
        for quote, name in INCLUDE.findall(text):
            problem = include_problem(path, room, name, files) or naming_problem(path, quote, name, files)
            if problem:
                problems.append(f"{path}: {problem}")
    return problems


def include_problem(path, room, name, files):
    target = resolve(path, name, files)
    wanted = target and room_of(target)
    if wanted in ABOVE and room not in ABOVE:
        return f"{name}: nobody uses {wanted}"
    if room in ABOVE:
        return None
    if re.match(r"(hdf5|H5[A-Z]*[a-z]*)\.h$|hdf5_hl\.h$", name):
        return None if room in USES_HDF5 else f"{name}: HDF5's headers belong to the planner alone"
    if re.match(r"h5cap/[a-z]+\.capnp\.h$", name):
        return None if "capnp/h5cap" in MAY_USE[room] else f"{name}: the contract is core's and the client's"
    if re.match(r"(capnp|kj)/", name):
        return f"{name}: Cap'n Proto does not show outside" if room in OUTSIDE or is_public(path) else None
    if target is None or target in SHARED_HEADERS:
        return None
    if room in OUTSIDE:
        inside = wanted == room or is_public(target)
        return None if inside else f"{name}: only the client's public headers are for this room"
    if is_public(path) and not is_public(target):
        return f"{name}: a public header cannot use a private one"
    if wanted is not None and wanted != room and wanted not in MAY_USE[room]:
        return f"{name}: {room} may not use {wanted}"
    return None


def naming_problem(path, quote, name, files):
    if quote != '"' or not path.startswith(NAMED_FROM_THE_ROOT):
        return None
    from_the_root = name in files or any(f"{folder}/{name}" in files for folder in PUBLIC_FOLDERS)
    return None if from_the_root else f"{name}: names no file of ours from the root"


# Files that use each other, a header counted with its source: kinds that contain each other.  Others are refused, and
# so are those of the list that have gone.
KNOWN_CIRCLES = [
    # Positions are axes of resolved selections, and resolving selections is arithmetic on positions.
    ["core/positions", "core/selection"],
    # Sources of open files are open files, found by following links from them.
    ["server/files/link-follower", "server/files/open-file", "server/files/source-files"],
    # Nodes contain nodes, and make them.
    ["server/objects/dataset-impl", "server/objects/group-impl", "server/objects/named-type-impl",
     "server/objects/node-impl", "server/objects/referenced-node", "server/objects/sealed-node"],
    # An interface beside what makes its one implementation.
    ["tests/support/fake-objects", "tests/support/fake-server"],
]


def unit_of(path):
    """A header and its source are one file, also where the header is public."""
    unit = path.rsplit(".", 1)[0]
    return re.sub("^client/include/h5cap/", "client/src/", re.sub("^core/include/h5cap/", "core/", unit))


def file_graph(files):
    """From each file to those that it includes, header and source counted as one; and from schema to schema."""
    graph = {}
    for path, text in files.items():
        if path.endswith(".capnp"):
            names = [os.path.join(os.path.dirname(path), os.path.basename(name)) for name in IMPORT.findall(text)]
        else:
            names = [name for _, name in INCLUDE.findall(text)]
        targets = {resolve(path, name, files) for name in names} - {None}
        graph.setdefault(unit_of(path), set()).update(unit_of(target) for target in targets)
    return {unit: targets - {unit} for unit, targets in graph.items()}


def circles(graph):
    """The circles of a graph: each a sorted list of what can be reached from each other."""
    reach = {}
    for start in graph:
        seen, ahead = set(), list(graph[start])
        while ahead:
            node = ahead.pop()
            if node not in seen:
                seen.add(node)
                ahead += graph.get(node, ())
        reach[start] = seen
    found = {tuple(sorted(other for other in reach[node] if node in reach.get(other, ())))
             for node in graph if node in reach[node]}
    return [list(circle) for circle in sorted(found)]


def lock_problems(files):
    """Mutexes of the server's, the client's, the core's and the tools' own, which do not say what they guard."""
    problems = []
    for path, text in sorted(files.items()):
        if path.startswith(MAY_LOCK) or room_of(path) in ABOVE:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            code = line.split("//")[0].strip()
            if LOCK.search(code) and code not in LOCK_LINES.get(path, []):
                problems.append(
                    f"{path}:{number}: {code}: GuardedValue, Guarded and kj::MutexGuarded say what they guard")
    return problems


def target_problems(targets):
    """Targets of the build that the table does not have."""
    return [f"{target}: a target that has no room" for target in sorted(targets)
            if target not in TARGETS and target not in WITHOUT_ROOM and not TARGETS_ABOVE.fullmatch(target)]


def link_problems(edges):
    """Links that the table forbids, among (target, linked target) pairs."""
    problems = target_problems({name for edge in edges for name in edge if not OTHERS.fullmatch(name)})
    for source, target in sorted(edges):
        room, wanted = TARGETS.get(source), TARGETS.get(target)
        if room and TARGETS_ABOVE.fullmatch(target):
            problems.append(f"{source} links {target}: nobody uses tests and benchmarks")
        if room and wanted and room != wanted and wanted not in MAY_USE[room]:
            problems.append(f"{source} links {target}: {room} may not use {wanted}")
        if room and room not in USES_HDF5 and re.search("hdf5", target, re.I):
            problems.append(f"{source} links {target}: libhdf5 belongs to the planner alone")
    return problems


def python_sources():
    """The modules of the Python package, from dotted name (of the package: "") to text."""
    package = ROOT / "python-bindings" / "src" / "h5cap"
    found = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found


def python_room(module):
    """The room of a module; None for a folder that is none."""
    folder, _, rest = module.partition(".")
    if not module:
        return "__init__"
    if folder in PYTHON_FOLDERS:
        return folder
    if rest:
        return None
    return "ground" if module in PYTHON_GROUND else "low"


def python_imports(module, text, modules):
    """The modules of the package that a module imports, wherever in it."""
    is_package = any(name.startswith(module + ".") for name in modules) or not module
    package = module.split(".") if module else []
    if not is_package:
        package = package[:-1]
    wanted = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            wanted |= {tuple(name.name.split(".")[1:]) for name in node.names if name.name.split(".")[0] == "h5cap"}
        elif isinstance(node, ast.ImportFrom):
            named = node.module.split(".") if node.module else []
            if node.level:
                start = (*package[: len(package) - node.level + 1], *named)
            elif named[0] == "h5cap":
                start = tuple(named[1:])
            else:
                continue
            for name in node.names:
                below = (*start, name.name)
                wanted.add(below if ".".join(below) in modules else start)
    return {".".join(parts) for parts in wanted} - {module}


def python_graph(files):
    modules = {*files, "_h5cap"}
    return {module: python_imports(module, text, modules) for module, text in files.items()}


def python_problems(files):
    """Modules without a room, imports that the table forbids, imports by name, and circles, in `files`."""
    problems = [f"{module}: no room" for module in sorted(files) if python_room(module) is None]
    graph = python_graph(files)
    for module, wanted in sorted(graph.items()):
        room = python_room(module)
        for other in sorted(wanted):
            if room and python_room(other) not in {room, *PYTHON_MAY_USE[room]}:
                problems.append(
                    f"{module or 'h5cap'} imports {other or 'h5cap'}: {room} may not use {python_room(other)}")
        if room != "compat" and re.search(r"\bimport_module\b|\b__import__\b", files[module]):
            problems.append(f"{module or 'h5cap'}: imports by name, which nobody can follow")
    return problems + [f"a circle: {' '.join(circle)}" for circle in circles(graph)]


def architecture_table(heading, text):
    """The rows of the first table below a heading of docs/architecture.md, each a list of cells."""
    below = text.split(f"\n## {heading}\n", 1)[1]
    lines = re.search(r"(?:^\|.*\n)+", below, re.M)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def documented_may_use(rows):
    """What rows of "Where to look" allow: what each names, and all that those may use, except outside of the client."""
    named = {row[0].strip("`"): set(re.findall(r"`([^`]+)`", row[2])) for row in rows}

    def closed(room):
        return named[room].union(*(closed(other) for other in named[room]))

    return {room: named[room] if room in OUTSIDE else closed(room) for room in named}
