"""Who gains and who pays, and the rules that hold whatever the gain."""
