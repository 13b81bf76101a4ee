"""Parts without a process: parsers, tables, the architecture."""
