"""Bodies to begin with."""

ONE_MOVIE = {"media_type": "movie", "tmdb_id": 603, "title": "The Matrix", "year": 1999, "requested_by": "ann"}
TWO_SEASONS = {"media_type": "tv", "tvdb_id": 81189, "seasons": [1, 2], "instances": ["sonarr"], "blocklist": True}

WISHES: dict[str, object] = {
    "a movie": ONE_MOVIE,
    "a series": {"media_type": "tv", "tvdb_id": 81189, "delete_files": True},
    "seasons of a series": {key: value for key, value in TWO_SEASONS.items() if key != "instances"},
    "several": {"deletions": [ONE_MOVIE, {"media_type": "tv", "tmdb_id": 1396}]},
}

HASHES: dict[str, object] = {"a torrent": {"hashes": ["c2c60f66a126c79bd8f3cac6ffa5a6a0a2f4a5c8"]}}

JELLYSEERR: dict[str, object] = {
    "a declined request": {
        "notification_type": "MEDIA_DECLINED",
        "subject": "The Matrix (1999)",
        "media": {"media_type": "movie", "tmdbId": "603", "tvdbId": "", "status": "UNKNOWN", "status4k": "UNKNOWN"},
        "request": {"request_id": "12", "requestedBy_username": "ann"},
        "extra": [],
    },
    "a test": {"notification_type": "TEST_NOTIFICATION", "subject": "Test Notification", "message": "Check check"},
}

JELLYFIN: dict[str, object] = {
    "an item was deleted": {
        "NotificationType": "ItemDeleted",
        "ItemType": "Movie",
        "Name": "The Matrix",
        "Year": "1999",
        "Provider_tmdb": "603",
    }
}

RADARR: dict[str, object] = {
    "a movie was deleted": {
        "eventType": "MovieDelete",
        "instanceName": "Radarr",
        "movie": {
            "id": 7,
            "title": "The Matrix",
            "year": 1999,
            "tmdbId": 603,
            "folderPath": "/movies/The Matrix (1999)",
        },
        "deletedFiles": True,
    },
    "a test": {
        "eventType": "Test",
        "instanceName": "Radarr",
        "movie": {"id": 1, "title": "Test Title", "tmdbId": 1234},
    },
}

SONARR: dict[str, object] = {
    "a series was deleted": {
        "eventType": "SeriesDelete",
        "instanceName": "Sonarr",
        "series": {"id": 3, "title": "Breaking Bad", "tvdbId": 81189, "path": "/tv/Breaking Bad"},
        "deletedFiles": True,
    },
    "a test": {
        "eventType": "Test",
        "instanceName": "Sonarr",
        "series": {"id": 1, "title": "Test Title", "tvdbId": 1234},
    },
}
