"""One result, drawn as terminal text, Markdown, HTML and files."""
