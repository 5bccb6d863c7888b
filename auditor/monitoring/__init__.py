"""From the language of a filter to the human who hears the alarm; knows neither evidence nor catalogue."""
