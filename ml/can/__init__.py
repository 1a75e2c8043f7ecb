"""CAN traffic: frames, logs, datasets, windows, graphs, simulated traffic."""
