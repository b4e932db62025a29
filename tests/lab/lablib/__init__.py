"""The parts of `lab`: places, packages, image, accelerator, machine, guest. `lab` itself only reads the command line."""
