"""The core's refusals: a stable code for programs, a sentence for a person.

Does        names every reason for which the core refuses something its owner asked.
Does not    carry anything secret: no text, name, key or path ever enters an error.
Spec        spec/01-errors.md
Always      1. A code never changes its meaning.  2. Each hint says what to do next.
Read first  HINTS.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

HINTS: Final = MappingProxyType(
    {
        "adopted_lately": "The desk adopted you less than eight weeks ago: until they are over, take nobody below.",
        "bad_code": "That is not a meeting code: type three digits and four words, as the other screen shows them.",
        "bad_name": "Choose a short word of your own for this person: 1 to 40 characters on one line.",
        "bad_reply": "Write between one letter and what fits in a letter; shorten it or send it in two.",
        "bad_scan": "What was scanned is no message that this device can read: scan the other screen once more.",
        "burn_alone": "You have one voice about them, and nobody to ask for the other: it takes their own alarm.",
        "burn_no_share": "You have no share of their burn line: it comes once you have met; desks give none.",
        "clock_far": "This device's clock is more than a year away from the network's: set it right, then try again.",
        "clocks_differ": "The clocks of the two devices are more than a week apart: set both right, then begin again.",
        "code_expired": "The code lived ten minutes and is gone: ask for a fresh one and begin again.",
        "code_not_awaited": "Nobody here waits for what this code carries: it is for another device, or too old.",
        "code_refused": "One side stopped the meeting or had no place: nothing was kept; talk it over, begin again.",
        "code_unknown": "Nobody waits with this code: it was mistyped, used before or too old; ask for a fresh one.",
        "code_used": "This code was used before and works only once: ask for a fresh one.",
        "code_wrong": "The words did not match, and one wrong try ends a code: begin again with a fresh one.",
        "desk_takes_founders": "A desk is the link of founders and of nobody else: let a founder invite this person.",
        "hello_swapped": "The relay brought not what the other screen promised: nothing was kept; meet by codes alone.",
        "introduce_whom": "You can introduce your link to your partner, or the two below you to each other.",
        "introduction_bound": "You agreed, and the other may rely on it already: wait until it is through.",
        "introduction_expired": "The introduction took too long and is over: talk it over, then begin again.",
        "introduction_refused": "The introduction was declined, or could not be done: nothing was kept.",
        "introduction_under_way": "An introduction is under way already: wait until it is answered.",
        "letter_long": "The letter is too long for one frame: shorten it, or write two.",
        "link_first": "One without a link cannot do this: be introduced to your partner's link first.",
        "link_of_another_pair": "Two partners share one link, and this is another: be introduced to your partner's.",
        "link_taken": "You have a link already: a cell has one, and there is no place for another.",
        "media_many": "A report carries at most four files: send the others with a second report.",
        "meeting_under_way": "A meeting is under way already: finish it, or stop it with `meet --stop`.",
        "name_taken": "You call somebody else by that word already: choose another one for this person.",
        "network_differs": "The other device belongs to another network: nothing was kept; meet within one network.",
        "network_exists": "This device belongs to a network already: found a new one with a vault of its own.",
        "newcomer_above": "A newcomer cannot be anybody's link: invite them as partner or into your pair below.",
        "no_card": "This device belongs to no network yet: meet someone who does first.",
        "no_introduction": "No introduction waits for your answer: look at the status.",
        "no_meeting": "No meeting is under way: begin one first.",
        "no_week_key": "The desk's key for this week is not here yet: "
        "let the device reach a relay, or a stick from one, then try again.",
        "not_met": "You were introduced and have not met yet: compare the words face to face first.",
        "not_the_desk": "A desk can do this and a member cannot, or the other way round: use the other device.",
        "nothing_to_compare": "Nothing is left to compare: words are for one who was introduced and not met yet.",
        "notice_days": "A notice holds from today for up to 60 days: choose a day between.",
        "notice_long": "The notice is too long for everyone: shorten it, or write two.",
        "notice_many": "As many notices hold as members keep: wait until one of them is over.",
        "notice_odd": "A notice needs words, and nothing that steers a screen or turns lines about: type it plainly.",
        "pair_below_full": "Two people are below you already: a link has one pair below and no more.",
        "partner_of_another_pair": "The two of you have different links, and partners share one: nothing was kept.",
        "partner_taken": "You have a partner already: a cell has one, and there is no place for another.",
        "plates_taken": "Too many meetings are under way at this relay: wait a few minutes, then invite again.",
        "relay_missing": "Say which relay to meet at: the other screen shows its address.",
        "report_empty": "A report needs words, a file, or both.",
        "report_long": "The text is too long for one report: shorten it, or send a second report.",
        "report_odd": "A time, place or file of this report is one the desk could not read: mend it and try again.",
        "root_board": "This root names another board key than this desk's: draft one from this desk's own file.",
        "root_first": "There is no root yet: let five people make the first one for the key that there is.",
        "root_lapsed": "The board's key does not count on this day: have a new one signed by three of the five.",
        "root_late": "The first root comes before the first founder: found a new network, and meet nobody before.",
        "root_many": "This desk has taken in as many roots as it keeps: found a new network.",
        "root_new_few": "Too few of its own five have signed this root: three are needed, so ask the others.",
        "root_not_next": "This root does not follow the one that is held: take the one between first.",
        "root_old_few": "Too few of the five before have signed this root: three are needed, so ask the others.",
        "root_other": "This is not the first root of this network: compare it with who gave it to you.",
        "root_place": "This root names a place on the board that cannot be: make it anew from the desk's file.",
        "scan_late": "By our clock that code is not ten minutes young: ask for a fresh one, or set both clocks right.",
        "scan_other": "That code belongs to another meeting: scan the one that the other screen shows now.",
        "scan_own": "That is this device's own code: point the camera at the other screen.",
        "set_up_wrong": "A network has one to eight relays and 1 to 48 intake boxes: correct the list, then try again.",
        "too_much_waiting": "Too much is waiting: let the device reach a relay, and read what came, then try again.",
        "unknown_neighbour": "Nobody you met goes by that word: look at the status for the words you chose.",
        "unknown_report": "There is no such report: look at the list for its number.",
        "voice_day": "The day of this statement is to come, or over 60 days ago: have one of today signed.",
        "voice_few": "Too few of the five have signed this statement: do not believe it until enough of them have.",
        "voice_fork": "Two roots claim one place, so one is false: ask the group in person which one is theirs.",
        "voice_long": "The statement is too long for everyone: shorten it, or make two.",
        "voice_old": "Keys that were replaced signed this, and the newest root does not list it: do not believe it.",
        "voice_odd": "A statement needs words, and nothing that steers a screen or turns lines about: type it plainly.",
        "voice_root": "This statement names a root that is not here: ask for a file with the whole row of roots.",
        "weekly_wrong": "This is no weekly secret: type all 52 letters and digits that the relay's command printed.",
        "words_differ": "The words on the two screens differed: nothing was kept; someone may be in between.",
        "words_refused": "The other side did not confirm: someone may be between; nothing was kept; take a fresh code.",
    }
)


class Refusal(Exception):
    """The core refuses what its owner asked; the state has not changed.

    Attributes:
        code: stable name of the reason, a key of `HINTS`.
        hint: one sentence for a person, saying what to do.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = HINTS[code]
