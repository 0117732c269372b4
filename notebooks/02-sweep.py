# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A sweep
#
# How does the time to Poti depend on the number of feeders on the Caspian? Open this file as a notebook with Jupytext,
# or run it as it is. The year is cut to 20 days and each point runs twice, so that it ends soon; a real sweep takes a
# year and more replications, as those in `scenarios/sweeps/` do.

# %%
from pathlib import Path

import sim

# %% [markdown]
# ## The sweep file
#
# What is varied, by which design, and what is asked for. `docs/how-to-sweep.md` explains each key.

# %%
FILE = """
title: Feeders between Aktau and Alat
base: baseline-2024
set: {run.warm_up: 10 d, run.length: 20 d, run.run_out: 70 d}
factors:
  feeders: {title: feeders of 225 TEU, path: fleets.kmtf-small.vessels, values: [1, 3]}
design: {kind: grid}
replications: 2
outcomes: ["transit.mean[xian-poti]", "use[aktau/yard west]"]
"""
Path("feeders.yaml").write_text(FILE, encoding="utf-8")

# %% [markdown]
# ## The runs
#
# Each run is in a ledger below `results/` as soon as it has ended. Executed again, this cell only reads them.

# %%
result = sim.sweep("feeders.yaml")
result.runs

# %% [markdown]
# ## What came out
#
# Means over the replications with their 95 % intervals; then one of the plots.

# %%
result.estimates()[["feeders", "outcome", "value", "low", "high"]]

# %%
result.plot_response("transit.mean[xian-poti/middle-poti]")

# %% [markdown]
# A run keeps all figures, whatever the file asks for. Others take no further run:

# %%
result.asking(["cost[xian-poti]", "emissions[xian-poti]"]).means()
