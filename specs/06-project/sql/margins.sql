-- Revenue without tax and what it cost, by category, from the day $since on.
with sold as (
  select
    a.category,
    s.quantity,
    s.quantity * a.sales_price / (1 + $vat_percent / 100) as revenue,
    s.quantity * a.purchase_price as cost
  from raw.sales s
  join raw.articles a using (article_id)
  where s.sold_on >= $since
)
select
  category,
  sum(quantity) as items,
  round(sum(revenue), 2) as revenue,
  round(sum(revenue) - sum(cost), 2) as margin
from sold
group by category
