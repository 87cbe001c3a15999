"""The core features as a Polars user would compute them: lazy frames, the wide part streamed."""

import os

import arguments

options = arguments.parse()
os.environ["POLARS_MAX_THREADS"] = str(options.threads)  # read once, when polars is imported

import polars as pl  # noqa: E402


def table(name):
    return pl.scan_parquet(f"{options.lake}/{name}/**/*.parquet", hive_partitioning=False)


component = (
    table("measuring_component")
    .filter(pl.col("MEASR_COMP_TYPE_CD").cast(pl.String).str.ends_with("-DEL"))
    .select(id=pl.col("MEASR_COMP_ID").cast(pl.String), config=pl.col("DEVICE_CONFIG_ID").cast(pl.String))
)
event = (
    table("install_event")
    .group_by(config=pl.col("DEVICE_CONFIG_ID").cast(pl.String))
    .agg(
        removed=pl.col("D1_REMOVAL_DTTM").dt.date().max(),
        off=pl.col("STATUS_UPD_DTTM").filter(pl.col("BO_STATUS_CD").cast(pl.String) == "OFF").dt.date().max(),
    )
)
newest = (
    table("measurements")
    .select(
        id=pl.col("MEASR_COMP_ID").cast(pl.String),
        start=pl.col("MSRMT_DTTM") - pl.duration(seconds=options.interval_seconds),
        kwh="MSRMT_VAL",
        updated="LAST_UPDATE_DTTM",
    )
    .join(component.select("id"), on="id", how="semi")
    .group_by("id", "start")
    .agg(pl.col("kwh").get(pl.col("updated").arg_max()))
)
daily = (
    newest.group_by("id", day=pl.col("start").dt.date())
    .agg(
        kwh=pl.col("kwh").sum().cast(pl.Float64),
        night_kwh=pl.col("kwh").filter(pl.col("start").dt.hour() < 6).sum().cast(pl.Float64),
        least=pl.col("kwh").min().cast(pl.Float64),
        most=pl.col("kwh").max().cast(pl.Float64),
    )
    .collect(engine="streaming")
    .sort("id", "day")
    .lazy()
    .with_columns(
        week_before=pl.col("kwh").shift(7).over("id"),
        age=(pl.col("day").max().over("id") - pl.col("day")).dt.total_days(),
        streak=pl.struct("id", pl.col("kwh") == 0).rle_id(),
    )
)
zero_run = (
    daily.filter(pl.col("kwh") == 0)
    .group_by("id", "streak")
    .len()
    .group_by("id")
    .agg(longest_zero_run_days=pl.col("len").max())
)

kwh, day = pl.col("kwh"), pl.col("day")
time = day.cast(pl.Int32).cast(pl.Float64)
features = (
    daily.join(component, on="id")
    .join(event, on="config", how="left")
    .group_by("id")
    .agg(
        days=pl.len(),
        total_kwh=kwh.sum(),
        mean_kwh=kwh.mean(),
        stddev_kwh=kwh.std(),
        zero_days=(kwh == 0).sum(),
        recent_ratio=kwh.filter(pl.col("age") < 30).median() / kwh.filter(pl.col("age") >= 30).median(),
        p95_kwh=kwh.quantile(0.95, "linear"),
        night_share=pl.col("night_kwh").sum() / kwh.sum(),
        min_interval_kwh=pl.col("least").min(),
        max_interval_kwh=pl.col("most").max(),
        lag7_corr=pl.corr("kwh", "week_before"),
        slope_kwh_per_day=pl.cov(time, kwh) / time.var(),
        kwh_not_installed=kwh.filter(day > pl.col("removed")).sum(),
        kwh_off=kwh.filter(day > pl.col("off")).sum(),
    )
    .join(zero_run, on="id", how="left")
    .with_columns(pl.col("longest_zero_run_days").fill_null(0))
    .rename({"id": "measuring_component_id"})
    .sort("measuring_component_id")
)
features.collect().write_parquet(options.output)
