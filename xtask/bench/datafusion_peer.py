"""The core features as a DataFusion user would compute them: one SQL statement from Python."""

import datafusion

import arguments

options = arguments.parse()
config = (
    datafusion.SessionConfig()
    .with_target_partitions(options.threads)
    .set("datafusion.sql_parser.enable_ident_normalization", "false")
)
context = datafusion.SessionContext(config)
for table in ("measurements", "measuring_component", "install_event"):
    context.register_parquet(table, f"{options.lake}/{table}/")
interval = f"INTERVAL '{options.interval_seconds} seconds'"

context.sql(f"""
    WITH component AS (
        SELECT MEASR_COMP_ID AS id, DEVICE_CONFIG_ID AS config
        FROM measuring_component
        WHERE ends_with(MEASR_COMP_TYPE_CD, '-DEL')
    ),
    newest AS (
        SELECT MEASR_COMP_ID AS id, MSRMT_DTTM - {interval} AS start,
               last_value(MSRMT_VAL ORDER BY LAST_UPDATE_DTTM) AS kwh
        FROM measurements
        WHERE MEASR_COMP_ID IN (SELECT id FROM component)
        GROUP BY MEASR_COMP_ID, MSRMT_DTTM
    ),
    daily AS (
        SELECT id, CAST(CAST(start AS DATE) AS INT) AS day,
               CAST(sum(kwh) AS DOUBLE) AS kwh,
               CAST(coalesce(sum(kwh) FILTER (WHERE date_part('hour', start) < 6), 0) AS DOUBLE) AS night_kwh,
               CAST(min(kwh) AS DOUBLE) AS least, CAST(max(kwh) AS DOUBLE) AS most
        FROM newest
        GROUP BY id, CAST(CAST(start AS DATE) AS INT)
    ),
    placed AS (
        SELECT *,
               lag(kwh, 7) OVER by_day AS week_before,
               max(day) OVER (PARTITION BY id) AS last_day,
               row_number() OVER by_day - row_number() OVER (PARTITION BY id, kwh = 0 ORDER BY day) AS streak
        FROM daily
        WINDOW by_day AS (PARTITION BY id ORDER BY day)
    ),
    zero_run AS (
        SELECT id, max(length) AS longest
        FROM (SELECT id, count(*) AS length FROM placed WHERE kwh = 0 GROUP BY id, streak) AS streaks
        GROUP BY id
    ),
    event AS (
        SELECT DEVICE_CONFIG_ID AS config,
               max(CAST(CAST(D1_REMOVAL_DTTM AS DATE) AS INT)) AS removed,
               max(CAST(CAST(STATUS_UPD_DTTM AS DATE) AS INT)) FILTER (WHERE BO_STATUS_CD = 'OFF') AS off
        FROM install_event
        GROUP BY DEVICE_CONFIG_ID
    )
    SELECT placed.id AS measuring_component_id,
           count(*) AS days,
           sum(kwh) AS total_kwh,
           avg(kwh) AS mean_kwh,
           stddev_samp(kwh) AS stddev_kwh,
           count(*) FILTER (WHERE kwh = 0) AS zero_days,
           coalesce(max(longest), 0) AS longest_zero_run_days,
           median(kwh) FILTER (WHERE last_day - day < 30)
               / nullif(median(kwh) FILTER (WHERE last_day - day >= 30), 0) AS recent_ratio,
           percentile_cont(kwh, 0.95) AS p95_kwh,
           sum(night_kwh) / nullif(sum(kwh), 0) AS night_share,
           min(least) AS min_interval_kwh,
           max(most) AS max_interval_kwh,
           corr(kwh, week_before) AS lag7_corr,
           regr_slope(kwh, CAST(day AS DOUBLE)) AS slope_kwh_per_day,
           coalesce(sum(kwh) FILTER (WHERE day > removed), 0) AS kwh_not_installed,
           coalesce(sum(kwh) FILTER (WHERE day > off), 0) AS kwh_off
    FROM placed
    JOIN component ON component.id = placed.id
    LEFT JOIN event ON event.config = component.config
    LEFT JOIN zero_run ON zero_run.id = placed.id
    GROUP BY placed.id
    ORDER BY measuring_component_id
""").write_parquet(options.output)
