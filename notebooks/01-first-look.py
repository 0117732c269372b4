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
# # A first look
#
# How long does freight take from China to Europe by the Middle Corridor, by the northern railway and by sea, and why?
# Open this file as a notebook with Jupytext, or run it as it is. What is printed below is a quick look with two
# replications; twenty or more are needed before the intervals mean much.

# %%
import sim

REPLICATIONS = 2

# %% [markdown]
# ## The scenario
#
# A scenario is a YAML file; `sim.load` reads it with all that it extends, and checks it. Changes for this once are
# given as `path=value`, as with `corridor … --set`.

# %%
scenario = sim.load(sim.library() / "baseline-2024.yaml")
scenario.model.title, len(scenario.model.places), len(scenario.model.services)

# %% [markdown]
# Each value is in base units (hours, kilometres, TEU) and knows where it comes from.

# %%
depth = scenario.model.ports["aktau"].depth
depth.text, depth.source, depth.grade

# %% [markdown]
# ## A simulation
#
# Replications run in parallel processes. The result is the same to the bit for any number of them.

# %%
result = sim.simulate(scenario, replications=REPLICATIONS)
summary = result.summary()
summary[["origin", "destination", "route", "mean", "mean_low", "mean_high", "p90", "share_within", "unfinished"]]

# %% [markdown]
# `share_within` is the share of boxes that arrived within the promised days; `mean_low` and `mean_high` are the 95 %
# interval of the mean over replications. `unfinished` boxes had not arrived at the end: they count as late, and are
# never left out.

# %%
result.plot_transit()

# %% [markdown]
# ## Where the time goes
#
# Each hour of each box has one cause. These are mean days a box, the largest first.

# %%
causes = result.causes()
causes[causes["route"] == "middle-poti"].groupby("flow").head(3)

# %%
result.plot_stages()

# %% [markdown]
# ## Ports and borders

# %%
result.facilities().nlargest(10, "utilisation")

# %%
result.plot_queues()

# %% [markdown]
# ## What if?
#
# Twice as many small feeders on the Caspian. Both scenarios meet the same demand and the same storms, replication by
# replication, so that a difference shows with few of them; where the interval includes zero, `separated` is False.

# %%
more = sim.load(sim.library() / "baseline-2024.yaml", set=["fleets.kmtf-small.vessels=6"])
comparison = sim.compare([scenario, more], replications=REPLICATIONS)
differences = comparison.differences()
differences[differences["measure"] == "mean"][
    ["flow", "route", "base", "value", "difference", "low", "high", "separated"]
]

# %%
comparison.plot_differences()
