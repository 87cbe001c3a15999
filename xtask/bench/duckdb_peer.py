"""The core features as a DuckDB user would compute them: one SQL statement over the Parquet files."""

import duckdb

import arguments

options = arguments.parse()
database = duckdb.connect()
database.execute(f"SET threads = {options.threads}")
database.execute("SET preserve_insertion_order = false")
interval = f"INTERVAL {options.interval_seconds} SECOND"

database.execute(f"""
COPY (
    WITH component AS (
        SELECT MEASR_COMP_ID AS id, DEVICE_CONFIG_ID AS config
        FROM read_parquet('{options.lake}/measuring_component/**/*.parquet', hive_partitioning = false)
        WHERE ends_with(MEASR_COMP_TYPE_CD, '-DEL')
    ),
    newest AS (
        SELECT MEASR_COMP_ID AS id, MSRMT_DTTM - {interval} AS start, arg_max(MSRMT_VAL, LAST_UPDATE_DTTM) AS kwh
        FROM read_parquet('{options.lake}/measurements/**/*.parquet', hive_partitioning = false)
        WHERE MEASR_COMP_ID IN (SELECT id FROM component)
        GROUP BY MEASR_COMP_ID, MSRMT_DTTM
    ),
    daily AS (
        SELECT id, start::DATE AS day,
               sum(kwh)::DOUBLE AS kwh,
               coalesce(sum(kwh) FILTER (WHERE hour(start) < 6), 0)::DOUBLE AS night_kwh,
               min(kwh)::DOUBLE AS least, max(kwh)::DOUBLE AS most
        FROM newest
        GROUP BY ALL
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
        FROM (SELECT id, streak, count(*) AS length FROM placed WHERE kwh = 0 GROUP BY ALL)
        GROUP BY id
    ),
    event AS (
        SELECT DEVICE_CONFIG_ID AS config,
               max(D1_REMOVAL_DTTM::DATE) AS removed,
               max(STATUS_UPD_DTTM::DATE) FILTER (WHERE BO_STATUS_CD = 'OFF') AS off
        FROM read_parquet('{options.lake}/install_event/**/*.parquet', hive_partitioning = false)
        GROUP BY ALL
    )
    SELECT id AS measuring_component_id,
           count(*) AS days,
           sum(kwh) AS total_kwh,
           avg(kwh) AS mean_kwh,
           stddev_samp(kwh) AS stddev_kwh,
           count(*) FILTER (WHERE kwh = 0) AS zero_days,
           coalesce(any_value(longest), 0) AS longest_zero_run_days,
           median(kwh) FILTER (WHERE last_day - day < 30)
               / nullif(median(kwh) FILTER (WHERE last_day - day >= 30), 0) AS recent_ratio,
           quantile_cont(kwh, 0.95) AS p95_kwh,
           sum(night_kwh) / nullif(sum(kwh), 0) AS night_share,
           min(least) AS min_interval_kwh,
           max(most) AS max_interval_kwh,
           corr(kwh, week_before) AS lag7_corr,
           regr_slope(kwh, day - DATE '1970-01-01') AS slope_kwh_per_day,
           coalesce(sum(kwh) FILTER (WHERE day > removed), 0) AS kwh_not_installed,
           coalesce(sum(kwh) FILTER (WHERE day > off), 0) AS kwh_off
    FROM placed JOIN component USING (id) LEFT JOIN event USING (config) LEFT JOIN zero_run USING (id)
    GROUP BY id
    ORDER BY id
) TO '{options.output}' (FORMAT parquet)
""")
