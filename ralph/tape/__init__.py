"""The live state of a Session, from ticks to events: board, minute bars, triggers, watched screens, scans. Pure."""
