"""Where a notification of Jellyseerr may carry what is needed of it: operators write their own templates."""

TYPE_KEYS = ("media_type", "mediaType")
TMDB_KEYS = ("tmdbId", "tmdb_id", "tmdbid", "media_tmdbid", "media_tmdbId", "media_tmdb_id")
TVDB_KEYS = ("tvdbId", "tvdb_id", "tvdbid", "media_tvdbid", "media_tvdbId", "media_tvdb_id")
REQUEST_KEYS = ("request_id", "requestId")
ISSUE_KEYS = ("issue_id", "issueId")
