"""What a planner writes: the scenario language, its files, its checks, and where each value comes from.

`load` reads and checks files, `explain` tells where a value was set, `schema` is the language itself.
"""
