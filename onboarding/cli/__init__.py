"""The command line: one module per group of commands, and the table of them all in `main`.

A command parses its options, calls the pipeline once, and prints what came of it. It decides
nothing about people or messages, and never touches the ledger itself. Modules for all of them:
`process` (streams and time zone, before all else), `options` (options, configuration, services),
`streams` (the one way to print a line), `terminal` (tables, progress, signals), `output` (JSON, and
problems and plans as text), `summaries` (plan, result, status).
"""
