"""The nouns: frozen values and pure arithmetic. Knows nothing of files to write, terminals or pages."""
