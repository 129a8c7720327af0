"""What a person can do about each reason that waits for one. One short sentence or two, shown beside the condition."""

from reconciler.reasons import Reason

ADVICE: dict[Reason, str] = {
    Reason.BREAKER_OPEN: (
        "Many deletions arrived within an hour. If all of them are meant, approve this one; otherwise cancel it."
    ),
    Reason.PROTECTED: (
        "The title or its torrent carries a protecting tag. Remove the tag and retry, approve to delete it all the "
        "same, or cancel."
    ),
    Reason.HASH_BELONGS_ELSEWHERE: (
        "A hash that came with the request belongs to another title. Cancel, and ask again with the right hash or none."
    ),
    Reason.SHARED_WITH_WANTED: (
        "The torrent also holds titles that stay. It goes by itself once they are deleted too; to keep it, cancel."
    ),
    Reason.SHARED_WITH_UNKNOWN: (
        "Another torrent that no history explains uses the same files. Remove it in qBittorrent if it may go, "
        "then retry."
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
        "The history has a gap, so a torrent of this title may be unknown. Look through the candidates in "
        "qBittorrent, remove what belongs to it, then approve."
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
        "Nobody said delete: it was concluded from another event, and files would be lost. To delete it, approve; to "
        "keep it, cancel."
    ),
    Reason.SUSPICIOUS_LIST: (
        "Most of what this upstream showed before is missing. Check its database and mounts; approve only if the "
        "short list is right."
    ),
}
"""Every reason that holds, and every waiting one that `approve` can lift."""
