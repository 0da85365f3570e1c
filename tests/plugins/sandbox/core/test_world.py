"""Both worlds are worlds."""

from plugins.sandbox.core.world import World
from plugins.sandbox.worlds.recorded import RecordedWorld
from plugins.sandbox.worlds.seeded import SeededWorld


def plays(world: World) -> int | None:
    return world.end_us


def test_a_seeded_world_is_a_world():
    world: World = SeededWorld(1)

    assert plays(world) is not None


def test_every_member_of_a_world_is_in_the_recorded_one():
    members = {name for name in vars(World) if not name.startswith("_")}

    assert members == {"start_us", "end_us", "series", "event_groups", "pauses", "events"}
    assert hasattr(RecordedWorld, "events")
