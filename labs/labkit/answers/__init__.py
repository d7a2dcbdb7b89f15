"""What the exercises expect, a module a lab: spoilers ahead.

Each module is named after its lab and has EXERCISES: by the name that the notebook
asks with, `exercise(grader, "first hint", ..., "the formula")`. What a lab measures or
makes is a parameter of a grader: given as `lab.exercise(name, answer, proof=proof)`, or
taken from `lab.measure(...)`.
"""
