"""The command line: every operator as a command, and what it shares with others."""
