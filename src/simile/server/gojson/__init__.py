"""JSON as Go's encoding/json reads and writes it, since clients rely on its rules and words."""
