"""What a person can do about each reason that waits for one. One short sentence or two, shown beside the condition."""

from reconciler.reasons import MEANINGS, Effect, Reason


def waits_for_a_person(reason: Reason) -> bool:
    """Tell whether somebody is to decide: nothing goes on without, or an approval can lift what is waited for."""
    return MEANINGS[reason].effect is Effect.HOLD or MEANINGS[reason].approvable


ADVICE: dict[Reason, str] = {
    Reason.BREAKER_OPEN: (
        "Many deletions, or very large ones, came within a short time. If they are meant, approve this one or all that "
        "the breaker holds; otherwise cancel it."
    ),
    Reason.PROTECTED: (
        "A tag, label, category or path protects the title or a torrent of it. Take the protection away and retry, "
        "approve to delete it all the same, or cancel."
    ),
    Reason.APPROVAL_REQUIRED: (
        "The configuration lets nothing of this kind begin without a person. To delete it, approve; to keep it, cancel."
    ),
    Reason.HASH_BELONGS_ELSEWHERE: (
        "A hash that came with the request belongs to another title. Cancel, and ask again with the right hash or none."
    ),
    Reason.GROUP_UNDETERMINED: (
        "Which torrents share these files could not be told. Look at the torrent in qBittorrent, put it right or "
        "remove it there, then retry."
    ),
    Reason.SHARED_FOLDER: (
        "The title's folder is, contains or lies in another title's folder. Give each its own folder in Radarr or "
        "Sonarr, then retry."
    ),
    Reason.SEEDS_IN_PLACE: (
        "A torrent that stays seeds from the title's folder. Move or remove that torrent in qBittorrent, then retry."
    ),
    Reason.UNATTRIBUTED_TORRENT: (
        "The history has a gap, so a torrent of this title may be unknown. Look through the candidates: bind those "
        "that belong to it by their hashes, or approve if none does."
    ),
    Reason.IDENTITY_UNRESOLVED: (
        "The id this upstream knows the title by is not known. Ask again with that id, or approve if the title "
        "is not there."
    ),
    Reason.IDENTITY_CONFLICT: (
        "Two sources disagree about which title this is. Cancel, and ask again with the ids that are right."
    ),
    Reason.REAPPEARED: (
        "The title came back after it was deleted, though nobody asked for it. Remove it from the import list that "
        "adds it (or add an exclusion) and delete it there, then retry; to keep it, cancel."
    ),
    Reason.FILES_LEFT_BEHIND: (
        "Files are still in the title's folder. Delete them or fix the permissions and retry, or approve to leave them."
    ),
    Reason.INFERRED_DELETE: (
        "Nobody said delete: it was concluded from another event, and a title or files would be lost. To delete it, "
        "approve; to keep it, cancel."
    ),
    Reason.LIKELY_CROSS_SEED: (
        "Another torrent holds a copy of these files elsewhere. If it is a cross-seed that may go, remove it in "
        "qBittorrent and retry; approve to leave it as it is."
    ),
    Reason.AMBIGUOUS_CLIENT: (
        "The torrent is in several qBittorrents, and the history does not tell which is meant. Name each in its "
        "download_clients as Radarr and Sonarr call it and restart, or correct its address in their settings and retry."
    ),
    Reason.PLANNING_FAILED: (
        "This program made a mistake and has done nothing further. Report it with the lines of the log that name this "
        "deletion; cancel to be rid of it. It is tried again by itself, and after an upgrade."
    ),
    Reason.STILL_LISTED: (
        "Jellyfin still lists the title although its files are gone. Let it scan that library, or check the paths it "
        "was told; approve to go on without waiting for it."
    ),
    Reason.SUSPICIOUS_LIST: (
        "Most of what this upstream showed before is missing. Check its database and mounts; approve only if the "
        "short list is right."
    ),
}
"""Every reason that holds, and every waiting one that `approve` can lift."""

WAITING_ADVICE: dict[Reason, str] = {
    Reason.UNREACHABLE: "Nothing, if it comes back by itself. Otherwise start it, or correct its URL.",
    Reason.THROTTLED: "Nothing.",
    Reason.UNAUTHORIZED: "Correct its API key or password in the configuration, and restart the reconciler.",
    Reason.REJECTED: "Put right what its answer names, then retry.",
    Reason.UNINTELLIGIBLE: "Correct its URL, and look at any proxy in between: the answer is not from that program.",
    Reason.LEDGER_INCOMPLETE: "Wait until the history is read. If that lasts, see why that instance cannot be read.",
    Reason.REQUESTS_UNSEEN: "Bring Jellyseerr back: without it nobody knows whether somebody wants the title again.",
    Reason.ROOT_FOLDER_INACCESSIBLE: "Repair the mount of the folder that holds the title.",
    Reason.NOT_BEFORE: "Nothing; or cancel it before its time comes.",
    Reason.OBSERVE_MODE: "Set mode: enforce when you trust what you see.",
    Reason.DENY_WINDOW: "Nothing; or cancel it before the window ends.",
    Reason.SEEDING: "Nothing: it goes by itself once it was seeded long enough.",
    Reason.COMMAND_UNVERIFIED: "Bring Jellyseerr back. If the issue was deleted there, cancel.",
}
"""Every waiting reason that `approve` cannot lift: time or an upstream changes it."""

LATER_ADVICE: dict[Reason, str] = {
    Reason.NOT_OBSERVABLE: "Nothing; or look yourself whether anything is left, if that matters.",
    Reason.ACCEPTED_BY_PERSON: "Nothing; or see to what is left yourself.",
    Reason.SHARED_WITH_WANTED: "Nothing: what stays goes by itself with the last deletion that releases it.",
    Reason.SHARED_WITH_UNKNOWN: (
        "Nothing; or, if the data may go, remove the torrent that still uses it, with its data, in qBittorrent."
    ),
    Reason.BLOCKLIST_KEPT: "Nothing; or take it off the blocklist of Jellyseerr, if it may be requested again.",
    Reason.PENDING_KEPT: (
        "Approve or decline the pending request in Jellyseerr. Approving it downloads the title afresh."
    ),
}
"""What a person can do about what a deletion left when it was done, for each reason that leaves something to do."""
