"""File suffixes by format."""

MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"})
HTML = frozenset({".html", ".htm", ".xhtml"})
PDF = frozenset({".pdf"})
DOCX = frozenset({".docx"})
SAY_ACL = MARKDOWN | frozenset({".csv", ".tsv", ".json", ".ndjson", ".jsonl"})
"""Formats that can say who may read them."""
AS_MARKDOWN = MARKDOWN | HTML | DOCX
"""Formats whose loaders write headings and tables in Markdown notation."""
CSV = frozenset({".csv", ".tsv"})
JSON = frozenset({".json"})
NDJSON = frozenset({".ndjson", ".jsonl"})
PYTHON = frozenset({".py", ".pyi", ".pyw"})
CODE = PYTHON | frozenset(
    """.bash .bat .c .cc .clj .cljs .cmake .cpp .cs .css .cu .cuh .cxx .dart .elm .erl .ex .exs .f90
    .fish .fs .go .gradle .graphql .groovy .h .hh .hpp .hs .hxx .java .jl .js .jsx .kt .kts .less
    .lisp .lua .m .mjs .ml .mli .mm .nim .nix .php .pl .pm .proto .ps1 .r .rb .rs .sass .scala .scss
    .sh .sol .sql .svelte .swift .tcl .tf .toml .ts .tsx .v .vb .vhd .vim .vue .yaml .yml .zig
    .zsh""".split()
)
