/* The site's icons are in icons.css. */
