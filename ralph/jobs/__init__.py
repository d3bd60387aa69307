"""Work that reads from one side and writes to the other: importing files, filling the simulated market."""
