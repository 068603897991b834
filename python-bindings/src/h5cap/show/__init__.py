"""How files, groups, datasets and reads are shown to people: notebooks, completion, progress bars.  Nothing below
imports it; the package hands it down."""
