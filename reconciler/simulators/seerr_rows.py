"""How the simulated Seerr shows its rows as JSON (upstreams.md 2.3)."""

from datetime import UTC, datetime

from reconciler.simulators.seerr_servers import Server
from reconciler.simulators.seerr_state import IssueRow, MediaRow, RequestRow, User


def stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S')}.{moment.microsecond // 1000:03d}Z"


def user_json(user: User) -> dict[str, object]:
    return {
        "id": user.id,
        "email": user.email,
        "username": user.name,
        "displayName": user.name,
        "userType": 2,
        "permissions": user.permissions,
        "avatar": f"/avatarproxy/{user.id}",
        "requestCount": 0,
        "createdAt": "2024-01-01T00:00:00.000Z",
        "updatedAt": "2024-01-01T00:00:00.000Z",
    }


def media_json(media: MediaRow) -> dict[str, object]:
    return {
        "id": media.id,
        "mediaType": media.media_type,
        "tmdbId": media.tmdb_id,
        "tvdbId": media.tvdb_id,
        "imdbId": None,
        "status": int(media.normal.status),
        "status4k": int(media.uhd.status),
        "createdAt": stamp(media.created_at),
        "updatedAt": stamp(media.updated_at),
        "lastSeasonChange": stamp(media.updated_at),
        "mediaAddedAt": None,
        "serviceId": media.normal.service_id,
        "serviceId4k": media.uhd.service_id,
        "externalServiceId": media.normal.external_service_id,
        "externalServiceId4k": media.uhd.external_service_id,
        "externalServiceSlug": media.normal.external_service_slug,
        "externalServiceSlug4k": media.uhd.external_service_slug,
        "ratingKey": None,
        "ratingKey4k": None,
        "jellyfinMediaId": media.normal.media_server_id,
        "jellyfinMediaId4k": media.uhd.media_server_id,
        "seasons": [
            {"id": s.id, "seasonNumber": s.number, "status": int(s.status), "status4k": int(s.status_4k)}
            for s in media.seasons
        ],
        "downloadStatus": [],
        "downloadStatus4k": [],
    }


def request_json(request: RequestRow) -> dict[str, object]:
    return {
        "id": request.id,
        "status": int(request.status),
        "createdAt": stamp(request.created_at),
        "updatedAt": stamp(request.updated_at),
        "type": request.media.media_type,
        "is4k": request.is_4k,
        "isAutoRequest": request.is_auto_request,
        "serverId": request.server_id,
        "profileId": None,
        "rootFolder": None,
        "tags": None,
        "media": media_json(request.media),
        "seasons": [
            {"id": request.id * 1000 + number, "seasonNumber": number, "status": int(request.status)}
            for number in request.seasons
        ],
        "seasonCount": len(request.seasons),
        "requestedBy": user_json(request.requested_by),
        "modifiedBy": None,
    }


def issue_json(issue: IssueRow) -> dict[str, object]:
    """Return an issue with its comments, as `GET /issue/{id}` shows it; 0 stands for every season or episode."""
    return {
        "id": issue.id,
        "issueType": int(issue.kind),
        "status": 1 if issue.is_open else 2,
        "problemSeason": issue.season or 0,
        "problemEpisode": issue.episode or 0,
        "createdAt": stamp(issue.comments[0].created_at),
        "updatedAt": stamp(issue.comments[-1].created_at),
        "media": media_json(issue.media),
        "createdBy": user_json(issue.created_by),
        "modifiedBy": None,
        "comments": [
            {
                "id": comment.id,
                "message": comment.message,
                "createdAt": stamp(comment.created_at),
                "updatedAt": stamp(comment.created_at),
                **({"user": user_json(comment.user)} if comment.user else {}),
            }
            for comment in issue.comments
        ],
    }


def server_json(server: Server) -> dict[str, object]:
    """Return a row of `GET /settings/radarr` or `/settings/sonarr`, the server's key included."""
    row: dict[str, object] = {
        "id": server.id,
        "name": server.name or server.kind.title(),
        "hostname": server.host,
        "port": server.port,
        "apiKey": server.api_key,
        "useSsl": False,
        "baseUrl": server.base_url,
        "activeProfileId": 1,
        "activeProfileName": "Any",
        "activeDirectory": server.root_folder or "/",
        "is4k": server.is_4k,
        "isDefault": server.is_default,
        "externalUrl": "",
        "syncEnabled": True,
        "preventSearch": False,
    }
    if server.kind == "radarr":
        return row | {"minimumAvailability": "released"}
    return row | {"enableSeasonFolders": True}
