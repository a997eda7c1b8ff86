"""What simulated HEOS players answer to each command: one function a command, in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from sugartalkd.simulator.heos_browsing import BROWSE_ANSWERS
from sugartalkd.simulator.heos_browsing import listing as _listing
from sugartalkd.simulator.heos_browsing import named_player as _player
from sugartalkd.simulator.heos_browsing import page as _page
from sugartalkd.simulator.heos_browsing import texts as _texts
from sugartalkd.simulator.heos_wire import (
    ARGUMENTS_NOT_CORRECT,
    ID_NOT_VALID,
    INVALID_CREDENTIALS,
    NOT_AVAILABLE,
    NOT_LOGGED_IN,
    Answer,
    JsonObject,
    Refusal,
    Request,
    escape,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sugartalkd.simulator.heos_system import HeosSystem, SimulatedGroup, SimulatedPlayer

    AnswerFunction: TypeAlias = Callable[[HeosSystem, Request], Answer]

_NAME: Final = 128
"""Characters of a playlist's name at most."""

_ANY: Final = 2**31


def _on_off(value: bool) -> str:
    return "on" if value else "off"


def _group(system: HeosSystem, request: Request) -> SimulatedGroup:
    try:
        return system.groups[request.number("gid", -_ANY, _ANY)]
    except KeyError:
        raise Refusal(ID_NOT_VALID) from None


# system


def _check_account(system: HeosSystem, request: Request) -> Answer:
    del request
    return Answer(instead=system.account())


def _heart_beat(system: HeosSystem, request: Request) -> Answer:
    del system, request
    return Answer()


def _sign_in(system: HeosSystem, request: Request) -> Answer:
    user, password = request.word("un"), request.word("pw")
    if system.password not in {None, password}:
        raise Refusal(INVALID_CREDENTIALS)
    system.sign_in(user)
    return Answer(instead=system.account())


def _sign_out(system: HeosSystem, request: Request) -> Answer:
    del request
    system.sign_in(None)
    return Answer(instead=system.account())


# player


def _player_info(system: HeosSystem, player: SimulatedPlayer) -> JsonObject:
    group = system.group_of(player.pid)
    return {
        "name": player.name,
        "pid": player.pid,
        **({"gid": group.pids[0]} if group else {}),
        "model": player.model,
        "version": player.version,
        "ip": player.ip,
        "network": player.network,
        "lineout": player.lineout,
        **({"serial": player.serial} if player.serial else {}),
    }


def _get_players(system: HeosSystem, request: Request) -> Answer:
    del request
    return Answer(payload=[_player_info(system, player) for player in system.players.values()])


def _get_player_info(system: HeosSystem, request: Request) -> Answer:
    return Answer(payload=_player_info(system, _player(system, request)))


def _get_play_state(system: HeosSystem, request: Request) -> Answer:
    player = system.shown(_player(system, request).pid)
    return Answer((f"state={player.state}",))


def _set_play_state(system: HeosSystem, request: Request) -> Answer:
    player = _player(system, request)
    state = request.word("state", "play", "pause", "stop")
    leader = system.transport(player.pid)
    if state == "play" and leader.now_playing is None and not leader.queue:
        raise Refusal(NOT_AVAILABLE)
    system.set_state(player.pid, state)
    return Answer()


def _get_now_playing_media(system: HeosSystem, request: Request) -> Answer:
    player = system.shown(_player(system, request).pid)
    item = player.now_playing
    if item is None:
        return Answer(payload={})
    station: JsonObject = {"station": escape(item.station)} if item.station else {}
    qid = 1 if player.station is not None or player.current is None else player.current + 1
    payload: JsonObject = {"type": item.type, **_texts(item), **station, "qid": qid, "sid": item.sid}
    return Answer(payload=payload, with_options=True)


def _get_volume(system: HeosSystem, request: Request) -> Answer:
    return Answer((f"level={_player(system, request).level}",))


def _set_volume(system: HeosSystem, request: Request) -> Answer:
    player = _player(system, request)
    system.turn_volume(player.pid, request.number("level", 0, 100))
    return Answer()


def _volume_up(system: HeosSystem, request: Request) -> Answer:
    player = _player(system, request)
    system.turn_volume(player.pid, player.level + request.number("step", 1, 10, 5))
    return Answer()


def _volume_down(system: HeosSystem, request: Request) -> Answer:
    player = _player(system, request)
    system.turn_volume(player.pid, player.level - request.number("step", 1, 10, 5))
    return Answer()


def _get_mute(system: HeosSystem, request: Request) -> Answer:
    return Answer((f"state={_on_off(_player(system, request).mute)}",))


def _set_mute(system: HeosSystem, request: Request) -> Answer:
    player = _player(system, request)
    system.set_mute(player.pid, request.word("state", "on", "off") == "on")
    return Answer()


def _toggle_mute(system: HeosSystem, request: Request) -> Answer:
    system.press_mute(_player(system, request).pid)
    return Answer()


def _get_play_mode(system: HeosSystem, request: Request) -> Answer:
    player = system.shown(_player(system, request).pid)
    return Answer((f"repeat={player.repeat}", f"shuffle={_on_off(player.shuffle)}"))


def _set_play_mode(system: HeosSystem, request: Request) -> Answer:
    player = system.transport(_player(system, request).pid)
    if not {"repeat", "shuffle"} & request.arguments.keys():
        raise Refusal(ARGUMENTS_NOT_CORRECT)
    repeat, shuffle = player.repeat, player.shuffle
    if "repeat" in request.arguments:
        repeat = request.word("repeat", "on_all", "on_one", "off")
    if "shuffle" in request.arguments:
        shuffle = request.word("shuffle", "on", "off") == "on"
    system.set_play_mode(player.pid, repeat, shuffle)
    return Answer()


def _get_queue(system: HeosSystem, request: Request) -> Answer:
    queue = system.shown(_player(system, request).pid).queue
    first, items = _page(queue, request)
    payload: list[JsonObject] = [{**_texts(item), "qid": qid} for qid, item in enumerate(items, first + 1)]
    return _listing(payload, len(queue))


def _play_queue(system: HeosSystem, request: Request) -> Answer:
    player = system.transport(_player(system, request).pid)
    qid = request.number("qid", -_ANY, _ANY)
    if not 1 <= qid <= len(player.queue):
        raise Refusal(ID_NOT_VALID)
    system.play_queue(player.pid, qid - 1)
    return Answer()


def _remove_from_queue(system: HeosSystem, request: Request) -> Answer:
    player = system.transport(_player(system, request).pid)
    qids = request.numbers("qid")
    if not all(1 <= qid <= len(player.queue) for qid in qids):
        raise Refusal(ID_NOT_VALID)
    system.remove_from_queue(player.pid, {qid - 1 for qid in qids})
    return Answer()


def _clear_queue(system: HeosSystem, request: Request) -> Answer:
    player = system.transport(_player(system, request).pid)
    if not player.queue:
        raise Refusal(NOT_AVAILABLE)  # music-assistant/server pull 3295
    system.remove_from_queue(player.pid, set(range(len(player.queue))))
    return Answer()


def _move_queue_item(system: HeosSystem, request: Request) -> Answer:
    player = system.transport(_player(system, request).pid)
    origins, target = request.numbers("sqid"), request.number("dqid", -_ANY, _ANY)
    if not all(1 <= qid <= len(player.queue) for qid in (*origins, target)):
        raise Refusal(ID_NOT_VALID)
    system.move_in_queue(player.pid, [qid - 1 for qid in origins], target - 1)
    return Answer()


def _save_queue(system: HeosSystem, request: Request) -> Answer:
    """It becomes one of the account's playlists."""
    player = system.transport(_player(system, request).pid)
    name = request.word("name")
    if len(name) > _NAME:
        raise Refusal(ARGUMENTS_NOT_CORRECT)
    if system.user is None:
        raise Refusal(NOT_LOGGED_IN)
    system.saved_queues[name] = list(player.queue)
    return Answer()


def _play_next(system: HeosSystem, request: Request) -> Answer:
    system.skip(_player(system, request).pid, 1)
    return Answer()


def _play_previous(system: HeosSystem, request: Request) -> Answer:
    system.skip(_player(system, request).pid, -1)
    return Answer()


def _check_update(system: HeosSystem, request: Request) -> Answer:
    _player(system, request)
    return Answer(payload={"update": "update_none"})


# group


def _group_info(system: HeosSystem, group: SimulatedGroup) -> JsonObject:
    players: list[JsonObject] = [
        {
            "name": system.players[pid].name,
            "pid": pid,
            "role": "leader" if pid == group.pids[0] else "member",
        }
        for pid in group.pids
    ]
    return {"name": system.group_name(group), "gid": group.pids[0], "players": players}


def _get_groups(system: HeosSystem, request: Request) -> Answer:
    del request
    return Answer(payload=[_group_info(system, group) for group in system.groups.values()])


def _get_group_info(system: HeosSystem, request: Request) -> Answer:
    return Answer(payload=_group_info(system, _group(system, request)))


def _set_group(system: HeosSystem, request: Request) -> Answer:
    pids = list(dict.fromkeys(request.numbers("pid")))
    if not all(pid in system.players for pid in pids):
        raise Refusal(ID_NOT_VALID)
    system.set_group(pids)
    group = system.groups.get(pids[0])
    return Answer((f"gid={pids[0]}", f"name={escape(system.group_name(group))}") if group else ())


def _get_group_volume(system: HeosSystem, request: Request) -> Answer:
    return Answer((f"level={_group(system, request).level}",))


def _set_group_volume(system: HeosSystem, request: Request) -> Answer:
    group = _group(system, request)
    system.set_group_level(group, request.number("level", 0, 100))
    return Answer()


def _group_volume_up(system: HeosSystem, request: Request) -> Answer:
    group = _group(system, request)
    system.set_group_level(group, group.level + request.number("step", 1, 10, 5))
    return Answer()


def _group_volume_down(system: HeosSystem, request: Request) -> Answer:
    group = _group(system, request)
    system.set_group_level(group, group.level - request.number("step", 1, 10, 5))
    return Answer()


def _get_group_mute(system: HeosSystem, request: Request) -> Answer:
    return Answer((f"state={_on_off(system.group_mute(_group(system, request)))}",))


def _set_group_mute(system: HeosSystem, request: Request) -> Answer:
    group = _group(system, request)
    system.set_group_mute(group, request.word("state", "on", "off") == "on")
    return Answer()


def _toggle_group_mute(system: HeosSystem, request: Request) -> Answer:
    group = _group(system, request)
    system.set_group_mute(group, not system.group_mute(group))
    return Answer()


ANSWERS: Final[Mapping[str, AnswerFunction]] = {
    "system/check_account": _check_account,
    "system/heart_beat": _heart_beat,
    "system/sign_in": _sign_in,
    "system/sign_out": _sign_out,
    "player/get_players": _get_players,
    "player/get_player_info": _get_player_info,
    "player/get_play_state": _get_play_state,
    "player/set_play_state": _set_play_state,
    "player/get_now_playing_media": _get_now_playing_media,
    "player/get_volume": _get_volume,
    "player/set_volume": _set_volume,
    "player/volume_up": _volume_up,
    "player/volume_down": _volume_down,
    "player/get_mute": _get_mute,
    "player/set_mute": _set_mute,
    "player/toggle_mute": _toggle_mute,
    "player/get_play_mode": _get_play_mode,
    "player/set_play_mode": _set_play_mode,
    "player/get_queue": _get_queue,
    "player/play_queue": _play_queue,
    "player/remove_from_queue": _remove_from_queue,
    "player/clear_queue": _clear_queue,
    "player/move_queue_item": _move_queue_item,
    "player/save_queue": _save_queue,
    "player/play_next": _play_next,
    "player/play_previous": _play_previous,
    "player/check_update": _check_update,
    "group/get_groups": _get_groups,
    "group/get_group_info": _get_group_info,
    "group/set_group": _set_group,
    "group/get_volume": _get_group_volume,
    "group/set_volume": _set_group_volume,
    "group/volume_up": _group_volume_up,
    "group/volume_down": _group_volume_down,
    "group/get_mute": _get_group_mute,
    "group/set_mute": _set_group_mute,
    "group/toggle_mute": _toggle_group_mute,
    **BROWSE_ANSWERS,
}
