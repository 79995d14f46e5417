"""The command line: a thin skin on `aequo.assess`, `aequo.gate` and `Assessment.save`."""
